#include "torchscript/author.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/export.h>

#include <stdexcept>

#include "support/errors.h"

namespace segue::torchscript {
namespace {

constexpr const char* kReadme =
    "A model written by Segue. Methods: forward(items, lengths, history, context) -> session vectors; "
    "recommend(items, lengths,\n"
    "history, context, k, hide_seen) -> scores and rows; initial_state(batch) and step(state, item, history, context) "
    "for live sessions.\n"
    "items: int64 rows [batch, time], row -> id in the extra file items.txt (one JSON string a line); the row after "
    "the last one stands\n"
    "for an unknown item. What is known of items is inside, by their rows. history and context: one [batch, time] "
    "tensor a feature,\n"
    "int64 codes or float values, as features.json of the bundle transforms them; the context of an event is the next "
    "event's.\n";

}  // namespace

void write_model(const models::Model& model, const std::filesystem::path& path, const std::string& items_text) {
  const auto* session = dynamic_cast<const models::GruSession*>(&model);
  const auto* towers = dynamic_cast<const models::TwoTower*>(&model);
  if (session == nullptr && towers == nullptr)
    throw std::invalid_argument("write_model: no TorchScript is known for the kind " + model.kind());
  torch::jit::Module module(session != nullptr ? "__torch__.segue.GruSession" : "__torch__.segue.TwoTower");
  module.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& [name, parameter] : model.parameters()) {
    module.register_parameter(attribute_name(name), parameter.detach().to(at::kCPU).clone(), /*is_buffer=*/false);
  }
  const auto& items = model.item_features();
  for (std::size_t f = 0; f < items.specs.size(); ++f) {
    const auto& name = items.specs[f].name;
    module.register_buffer(attribute_name(item_table(name)), items.tables[f].to(at::kCPU).clone());
    if (items.specs[f].multiple)
      module.register_buffer(attribute_name(item_offsets(name)), items.offsets[f].to(at::kCPU).clone());
  }
  if (towers != nullptr && towers->options().id_buckets > 0) {
    at::Tensor rows = at::empty({model.n_items() + 1}, at::kLong);
    for (std::int64_t item = 0; item <= model.n_items(); ++item)
      rows.mutable_data_ptr<std::int64_t>()[item] = towers->id_row(item);
    module.register_buffer(attribute_name(kIdRows), rows);
  }
  module.define(session != nullptr ? source_text(*session) : source_text(*towers));
  torch::jit::ExtraFilesMap extra{{"items.txt", items_text}, {"README", kReadme}};
  try {
    module.save(path.string(), extra);
  } catch (const c10::Error& error) {
    throw DataError(path.string() + ": cannot be written: " + error.what_without_backtrace());
  }
}

}  // namespace segue::torchscript
