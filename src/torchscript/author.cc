#include "torchscript/author.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/export.h>

#include "support/errors.h"

namespace segue::torchscript {
namespace {

constexpr const char* kReadme =
    "A session model written by Segue. Methods: forward(items, lengths, history, context) -> session vectors; "
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

void write_model(const models::GruSession& model, const std::filesystem::path& path, const std::string& items_text) {
  torch::jit::Module module("__torch__.segue.GruSession");
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
  module.define(source_text(model));
  torch::jit::ExtraFilesMap extra{{"items.txt", items_text}, {"README", kReadme}};
  try {
    module.save(path.string(), extra);
  } catch (const c10::Error& error) {
    throw DataError(path.string() + ": cannot be written: " + error.what_without_backtrace());
  }
}

}  // namespace segue::torchscript
