#include "models/two_tower.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "batching/upload.h"
#include "models/decayed_sum.h"
#include "models/dropout.h"
#include "models/gru_layer.h"
#include "models/two_tower_inference.h"
#include "models/unit_rows.h"
#include "support/random.h"

namespace segue::models {
namespace {

using batching::upload;

constexpr double kLargestAttention = 10;
constexpr std::int64_t kItemsAtATime = 1 << 16;
// Half-lives start between half an event and 64 events, evenly in their logarithm: ln 64 = middle + width.
constexpr double kMiddleLogHalfLife = 1.7328679513998633, kLogHalfLifeWidth = 2.4260151319598084;

// Places of dropout in the network.
constexpr std::uint64_t kEventsPlace = 1, kSummaryPlace = 2, kUserPlace = 16, kItemPlace = 1024, kIdPlace = 4096;

std::string layer_name(const std::string& tower, std::size_t layer) { return tower + "." + std::to_string(layer); }

bool begins_with(const std::string& text, const std::string& begin) { return text.rfind(begin, 0) == 0; }

bool is_table(const std::string& name) {
  return name.find("embedding") != std::string::npos || begins_with(name, "features.") ||
         begins_with(name, "item_features.");
}

std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 30U;
  x *= 0xBF58476D1CE4E5B9ULL;
  x ^= x >> 27U;
  x *= 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

}  // namespace

TwoTower::TwoTower(TwoTowerOptions options, std::int32_t n_items, std::vector<features::FeatureSpec> of_events,
                   ItemFeatures of_items)
    : Model(n_items, std::move(of_events), std::move(of_items)), options_(std::move(options)) {
  if (options_.embedding_dim < 1 || options_.vector_dim < 1 || options_.feature_dim < 1 || options_.id_buckets < 0)
    throw std::invalid_argument("TwoTower: widths must be at least 1");
  const std::int64_t n_ids = options_.id_buckets > 0 ? options_.id_buckets : n_items;
  add("item_embedding.weight", {n_ids + 1, options_.embedding_dim});
  if (!options_.tied) add("output_embedding.weight", {n_ids + 1, options_.embedding_dim});
  const auto add_table = [&](const std::string& name, const features::FeatureSpec& feature) {
    add(name + feature.name + ".weight",
        {feature.n_codes, std::min<std::int64_t>(options_.feature_dim, feature.n_codes)});
  };
  for (const auto& feature : item_features().specs)
    if (feature.categorical) add_table("item_features.", feature);
  for (const auto& feature : features())
    if (feature.categorical && (feature.history || feature.context)) add_table("features.", feature);
  std::int64_t width = input_dim();
  switch (options_.history) {
    case HistorySummary::kMean: break;
    case HistorySummary::kAttention: add("history.attention", {width}); [[fallthrough]];
    case HistorySummary::kRecency: add("history.log_half_life", {width}); break;
    case HistorySummary::kGru:
      add("history.gru.weight_ih", {3 * options_.hidden_dim, width});
      add("history.gru.weight_hh", {3 * options_.hidden_dim, options_.hidden_dim});
      add("history.gru.bias_ih", {3 * options_.hidden_dim});
      add("history.gru.bias_hh", {3 * options_.hidden_dim});
      width = options_.hidden_dim;
      break;
  }
  const auto add_tower = [&](const std::string& tower, std::int64_t n_in, std::vector<std::int64_t> widths) {
    widths.push_back(options_.vector_dim);
    for (std::size_t l = 0; l < widths.size(); ++l) {
      add(layer_name(tower, l) + ".weight", {widths[l], n_in});
      add(layer_name(tower, l) + ".bias", {widths[l]});
      n_in = widths[l];
    }
  };
  add_tower("user_tower", width + context_dim() + (options_.example_age ? kAgeDim : 0), options_.user_layers);
  const std::int64_t item_dim = options_.embedding_dim + item_features().input_dim(options_.feature_dim);
  if (!options_.item_layers.empty() || item_dim != options_.vector_dim)
    add_tower("item_tower", item_dim, options_.item_layers);
  if (options_.normalize && options_.learn_temperature) add("log_scale", {1});
  if (options_.output_bias) add("output_bias", {n_items});
  if (options_.id_buckets == 0) return;
  id_table_ = at::empty({n_items + 1}, at::kLong);
  for (std::int64_t item = 0; item <= n_items; ++item) id_table_.mutable_data_ptr<std::int64_t>()[item] = id_row(item);
}

std::int64_t TwoTower::input_dim() const {
  std::int64_t dim = options_.embedding_dim + item_features().input_dim(options_.feature_dim);
  for (const auto& feature : features())
    if (feature.history) dim += feature.categorical ? std::min<std::int64_t>(options_.feature_dim, feature.n_codes) : 1;
  return dim;
}

std::int64_t TwoTower::context_dim() const {
  std::int64_t dim = 0;
  for (const auto& feature : features())
    if (feature.context) dim += feature.categorical ? std::min<std::int64_t>(options_.feature_dim, feature.n_codes) : 1;
  return dim;
}

Model::Start TwoTower::start_of(std::size_t i) const {
  using Fill = Start::Fill;
  const auto& [name, tensor] = parameters()[i];
  if (name == "item_embedding.weight" || name == "output_embedding.weight") return {Fill::kNormal, options_.init_std};
  if (is_table(name)) return {Fill::kNormal, options_.init_std};
  if (name == "history.log_half_life") return {Fill::kRamp, kLogHalfLifeWidth, kMiddleLogHalfLife};
  if (name == "log_scale") return {Fill::kConstant, 0, -std::log(options_.temperature)};
  if (begins_with(name, "history.gru."))
    return {Fill::kUniform, 1 / std::sqrt(static_cast<double>(options_.hidden_dim))};
  if (tensor.dim() == 2) return {Fill::kUniform, std::sqrt(6.0 / static_cast<double>(tensor.size(0) + tensor.size(1)))};
  return {};
}

std::int64_t TwoTower::id_row(std::int64_t item) const {
  if (options_.id_buckets == 0 || item < 0) return item;
  if (item >= n_items()) return options_.id_buckets;
  return static_cast<std::int64_t>(mixed(static_cast<std::uint64_t>(item) + 1) %
                                   static_cast<std::uint64_t>(options_.id_buckets));
}

at::Tensor TwoTower::id_rows(const at::Tensor& items) const {
  return id_table_.defined() ? id_table_.index_select(0, items) : items;
}

void TwoTower::to(at::Device device) {
  Model::to(device);
  if (id_table_.defined()) id_table_ = id_table_.to(device);
}

at::Tensor TwoTower::dropped_out(const at::Tensor& x, double p, bool training, std::uint64_t place) const {
  return training && p > 0 ? seeded_dropout(x, p, Random(dropout_seed, place).next()) : x;
}

at::Tensor TwoTower::describe(const std::string& table, const at::Tensor& items) {
  std::vector<at::Tensor> parts{look_up(table, id_rows(items))};
  for (std::size_t f = 0; f < item_features().specs.size(); ++f) {
    const auto& feature = item_features().specs[f];
    if (feature.multiple) {
      parts.push_back(mean_of_codes(parameter("item_features." + feature.name + ".weight"), item_features().tables[f],
                                    item_features().offsets[f], items));
      continue;
    }
    const at::Tensor column = item_features().tables[f].index_select(0, items);
    parts.push_back(feature.categorical ? at::embedding(parameter("item_features." + feature.name + ".weight"), column)
                                        : column.unsqueeze(1));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts, 1);
}

at::Tensor TwoTower::events(const batching::Batch& batch) {
  std::vector<at::Tensor> parts{describe("item_embedding.weight", batch.items)};
  std::size_t next = 0;
  for (const auto& feature : features()) {
    if (!feature.history) continue;
    const at::Tensor& column = batch.history.at(next++);
    parts.push_back(feature.categorical ? at::embedding(parameter("features." + feature.name + ".weight"), column)
                                        : column.unsqueeze(1));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts, 1);
}

at::Tensor TwoTower::summary(const at::Tensor& x, const at::Tensor& batch_sizes, bool training) {
  if (options_.history == HistorySummary::kGru)
    return gru_layer(x, batch_sizes, parameter("history.gru.weight_ih"), parameter("history.gru.weight_hh"),
                     parameter("history.gru.bias_ih"), parameter("history.gru.bias_hh"), training && bf16);
  const at::Tensor decay = options_.history == HistorySummary::kMean
                               ? at::ones({x.size(1)}, x.options())
                               : at::exp2(-at::exp(-parameter("history.log_half_life")));
  if (options_.history == HistorySummary::kAttention) {
    const at::Tensor attention =
        at::exp(at::clamp(at::mv(x, parameter("history.attention")), -kLargestAttention, kLargestAttention))
            .unsqueeze(1);
    return decayed_sum(x * attention, batch_sizes, decay) /
           decayed_sum(attention.expand({-1, x.size(1)}), batch_sizes, decay);
  }
  // Without weights of events the divisor depends on the step alone: one row a step is enough.
  const std::int64_t n_steps = batch_sizes.size(0);
  const at::Tensor divisor =
      decayed_sum(at::ones({n_steps, x.size(1)}, x.options()), at::ones_like(batch_sizes), decay);
  return decayed_sum(x, batch_sizes, decay) /
         at::repeat_interleave(divisor, upload(batch_sizes, x.device()), 0, /*output_size=*/x.size(0));
}

at::Tensor TwoTower::layers(const std::string& tower, at::Tensor x, bool training) {
  const bool of_users = tower == "user_tower";
  const std::size_t n_hidden = of_users ? options_.user_layers.size() : options_.item_layers.size();
  for (std::size_t l = 0; l <= n_hidden; ++l) {
    x = at::linear(x, parameter(layer_name(tower, l) + ".weight"), parameter(layer_name(tower, l) + ".bias"));
    if (l < n_hidden)
      x = dropped_out(at::relu(x), options_.hidden_dropout, training, (of_users ? kUserPlace : kItemPlace) + l);
  }
  return x;
}

double TwoTower::scale() const {
  if (!options_.normalize) return 1;
  return has("log_scale") ? std::exp(parameter("log_scale").detach().item<double>()) : 1 / options_.temperature;
}

at::Tensor TwoTower::forward(const batching::Batch& batch, bool training) {
  const at::AutoGradMode gradient_mode(training && at::GradMode::is_enabled());
  std::size_t n_history = 0, n_context = 0;
  for (const auto& feature : features()) {
    n_history += feature.history ? 1 : 0;
    n_context += feature.context ? 1 : 0;
  }
  if (batch.history.size() != n_history || batch.context.size() != n_context)
    throw std::invalid_argument("TwoTower: the batch has " + std::to_string(batch.history.size()) + " history and " +
                                std::to_string(batch.context.size()) + " context features; the model reads " +
                                std::to_string(n_history) + " and " + std::to_string(n_context));
  const at::Tensor x = dropped_out(events(batch), options_.embedding_dropout, training, kEventsPlace);
  std::vector<at::Tensor> parts{
      dropped_out(summary(x, batch.batch_sizes, training), options_.hidden_dropout, training, kSummaryPlace)};
  std::size_t next = 0;
  for (const auto& feature : features()) {
    if (!feature.context) continue;
    const at::Tensor& column = batch.context.at(next++);
    parts.push_back(feature.categorical ? at::embedding(parameter("features." + feature.name + ".weight"), column)
                                        : column.unsqueeze(1));
  }
  if (options_.example_age) {
    const at::Tensor days = batch.example_age.defined() ? batch.example_age.unsqueeze(1)
                                                        : at::zeros({batch.n_positions(), 1}, parts[0].options());
    parts.push_back(at::log1p(days));
    parts.push_back(at::log1p(days * 24) / 4);
  }
  const at::Tensor u = layers("user_tower", parts.size() == 1 ? parts.front() : at::cat(parts, 1), training);
  if (!options_.normalize) return u;
  return has("log_scale") ? unit_rows(u) * at::exp(parameter("log_scale")) : unit_rows(u) / options_.temperature;
}

at::Tensor TwoTower::item_tower(const at::Tensor& items) {
  const bool training = at::GradMode::is_enabled();
  at::Tensor y = describe(options_.tied ? "item_embedding.weight" : "output_embedding.weight", items);
  if (training && options_.id_dropout > 0) {
    const at::Tensor kept = seeded_dropout(at::ones({y.size(0), 1}, y.options()), options_.id_dropout,
                                           Random(dropout_seed, kIdPlace).next())
                                .gt(0)
                                .to(at::kFloat);
    const std::int64_t e = options_.embedding_dim;
    y = at::cat({y.narrow(1, 0, e) * kept, y.narrow(1, e, y.size(1) - e)}, 1);
  }
  if (has("item_tower.0.weight")) y = layers("item_tower", y, training);
  return options_.normalize ? unit_rows(y) : y;
}

at::Tensor TwoTower::item_vectors() {
  const auto all = [&](std::int64_t first, std::int64_t n) {
    return at::arange(first, first + n, at::TensorOptions(at::kLong).device(device()));
  };
  if (at::GradMode::is_enabled() || n_items() <= kItemsAtATime) {
    // Every row once: the dense gradient is the right one.
    const bool sparse = std::exchange(sparse_gradients, false);
    const at::Tensor vectors = item_tower(all(0, n_items()));
    sparse_gradients = sparse;
    return vectors;
  }
  at::Tensor vectors = at::empty({n_items(), options_.vector_dim}, parameter("item_embedding.weight").options());
  for (std::int64_t first = 0; first < n_items(); first += kItemsAtATime) {
    const std::int64_t n = std::min<std::int64_t>(kItemsAtATime, n_items() - first);
    vectors.narrow(0, first, n).copy_(item_tower(all(first, n)));
  }
  return vectors;
}

at::Tensor TwoTower::output_vectors(const at::Tensor& rows) {
  // The tower runs once for an item, however often a batch has it. How many there are is found out on the host.
  const auto [items, places, counts] = at::_unique2(rows.to(at::kCPU), /*sorted=*/true, /*return_inverse=*/true);
  return item_tower(upload(items, device())).index_select(0, upload(places, device()));
}

at::Tensor TwoTower::output_bias() { return options_.output_bias ? parameter("output_bias") : at::Tensor(); }

at::Tensor TwoTower::output_bias(const at::Tensor& rows) {
  return options_.output_bias ? parameter("output_bias").index_select(0, upload(rows, device())) : at::Tensor();
}

std::unique_ptr<Inference> TwoTower::make_inference() const { return std::make_unique<TwoTowerInference>(*this); }

double TwoTower::flop_per_position() const {
  double weights = 0;
  for (const auto& [name, tensor] : parameters())
    if (tensor.dim() == 2 && !is_table(name) && !begins_with(name, "item_tower."))
      weights += static_cast<double>(tensor.numel());
  return 6 * weights;  // 2 forward, 2 for the gradient of the input, 2 for that of the weights
}

}  // namespace segue::models
