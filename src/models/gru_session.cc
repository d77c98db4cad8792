#include "models/gru_session.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "batching/upload.h"
#include "models/dropout.h"
#include "models/gru_layer.h"
#include "models/session_inference.h"
#include "models/unit_rows.h"
#include "support/random.h"

namespace segue::models {
namespace {

constexpr double kNormEpsilon = 1e-5;

std::string layer_name(std::int64_t layer, const std::string& part) {
  return "layers." + std::to_string(layer) + "." + part;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool begins_with(const std::string& text, const std::string& begin) { return text.rfind(begin, 0) == 0; }

/// Whether the parameter embeds the codes of a feature, of events or of items.
bool is_feature(const std::string& name) {
  return begins_with(name, "features.") || begins_with(name, "item_features.");
}

}  // namespace

GruSession::GruSession(GruSessionOptions options, std::int32_t n_items, std::vector<features::FeatureSpec> of_events,
                       ItemFeatures of_items)
    : Model(n_items, std::move(of_events), std::move(of_items)), options_(std::move(options)) {
  const std::int64_t e = options_.embedding_dim, hidden = options_.hidden_dim;
  if (e < 1 || hidden < 1 || options_.n_layers < 1 || options_.feature_dim < 1 || options_.feed_forward_dim < 0) {
    throw std::invalid_argument("GruSession: widths and n_layers must be at least 1");
  }
  add("item_embedding.weight", {n_items + 1, e});
  const auto add_table = [&](const std::string& name, const features::FeatureSpec& feature) {
    add(name + feature.name + ".weight",
        {feature.n_codes, std::min<std::int64_t>(options_.feature_dim, feature.n_codes)});
  };
  for (const auto& feature : item_features().specs) {
    if (feature.categorical) add_table("item_features.", feature);
  }
  for (const auto& feature : features()) {
    if (feature.categorical && (feature.history || feature.context)) add_table("features.", feature);
  }
  const auto add_norm = [&](const std::string& name, std::int64_t dim) {
    add(name + ".weight", {dim});
    add(name + ".bias", {dim});
  };
  const auto add_linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  std::int64_t width = input_dim();
  if (options_.layer_norm) add_norm("input_norm", width);
  if (options_.residual && width != hidden) {
    add_linear("input_projection", hidden, width);
    width = hidden;
  }
  for (std::int64_t l = 0; l < options_.n_layers; ++l) {
    if (options_.layer_norm && options_.residual) add_norm(layer_name(l, "norm"), width);
    add(layer_name(l, "gru.weight_ih"), {3 * hidden, width});
    add(layer_name(l, "gru.weight_hh"), {3 * hidden, hidden});
    add(layer_name(l, "gru.bias_ih"), {3 * hidden});
    add(layer_name(l, "gru.bias_hh"), {3 * hidden});
    width = hidden;
    if (options_.feed_forward_dim > 0) {
      add_norm(layer_name(l, "ffn_norm"), hidden);
      add_linear(layer_name(l, "ffn_in"), options_.feed_forward_dim, hidden);
      add_linear(layer_name(l, "ffn_out"), hidden, options_.feed_forward_dim);
    }
  }
  if (options_.layer_norm) add_norm("output_norm", hidden);
  if (hidden != e) add_linear("output_projection", e, hidden);
  if (!options_.tied) add("output_embedding.weight", {n_items, e});
  if (options_.output_bias) add("output_bias", {n_items});
  if (options_.visited_weights) add("visited_weights", {2});
}

std::int64_t GruSession::input_dim() const {
  std::int64_t dim = options_.embedding_dim + item_features().input_dim(options_.feature_dim);
  for (const auto& feature : features()) {
    const std::int64_t width = feature.categorical ? std::min<std::int64_t>(options_.feature_dim, feature.n_codes) : 1;
    dim += width * ((feature.history ? 1 : 0) + (feature.context ? 1 : 0));
  }
  return dim;
}

Model::Start GruSession::start_of(std::size_t i) const {
  using Fill = Start::Fill;
  const auto& [name, tensor] = parameters()[i];
  const auto by_inputs = [](std::int64_t n_in) {
    return Start{Fill::kUniform, 1 / std::sqrt(static_cast<double>(n_in))};
  };
  if (name == "item_embedding.weight" || name == "output_embedding.weight") return {Fill::kNormal, options_.init_std};
  if (is_feature(name)) return {Fill::kNormal, 1.0};
  if (ends_with(name, "norm.weight")) return {Fill::kConstant, 0, 1};
  if (name.find(".gru.") != std::string::npos) return by_inputs(options_.hidden_dim);
  for (const char* linear : {"projection", "ffn_in", "ffn_out"}) {
    if (ends_with(name, std::string(linear) + ".weight")) return by_inputs(tensor.size(1));
    // A linear's weight stands before its bias.
    if (ends_with(name, std::string(linear) + ".bias")) return by_inputs(parameters()[i - 1].second.size(1));
  }
  return {};
}

at::Tensor GruSession::embed_items(const at::Tensor& rows) { return look_up("item_embedding.weight", rows); }

at::Tensor GruSession::item_vectors() {
  at::Tensor vectors =
      options_.tied ? parameter("item_embedding.weight").narrow(0, 0, n_items()) : parameter("output_embedding.weight");
  return options_.normalize ? unit_rows(vectors) : vectors;
}

at::Tensor GruSession::output_vectors(const at::Tensor& rows) {
  const at::Tensor vectors =
      look_up(options_.tied ? "item_embedding.weight" : "output_embedding.weight", batching::upload(rows, device()));
  return options_.normalize ? unit_rows(vectors) : vectors;
}

at::Tensor GruSession::output_bias() { return options_.output_bias ? parameter("output_bias") : at::Tensor(); }

at::Tensor GruSession::output_bias(const at::Tensor& rows) {
  return options_.output_bias ? parameter("output_bias").index_select(0, batching::upload(rows, device()))
                              : at::Tensor();
}

at::Tensor GruSession::visited_weights() {
  return options_.visited_weights ? parameter("visited_weights") : at::Tensor();
}

at::Tensor GruSession::input(const batching::Batch& batch) {
  std::vector<at::Tensor> parts{embed_items(batch.items)};
  for (std::size_t f = 0; f < item_features().specs.size(); ++f) {
    const auto& feature = item_features().specs[f];
    if (feature.multiple) {
      parts.push_back(mean_of_codes(parameter("item_features." + feature.name + ".weight"), item_features().tables[f],
                                    item_features().offsets[f], batch.items));
      continue;
    }
    const at::Tensor column = item_features().tables[f].index_select(0, batch.items);
    parts.push_back(feature.categorical ? at::embedding(parameter("item_features." + feature.name + ".weight"), column)
                                        : column.unsqueeze(1));
  }
  const auto append = [&](const features::FeatureSpec& feature, const at::Tensor& column) {
    parts.push_back(feature.categorical ? at::embedding(parameter("features." + feature.name + ".weight"), column)
                                        : column.unsqueeze(1));
  };
  std::size_t n_history = 0, n_context = 0;
  for (const auto& feature : features()) {
    n_history += feature.history ? 1 : 0;
    n_context += feature.context ? 1 : 0;
  }
  if (batch.history.size() != n_history || batch.context.size() != n_context) {
    throw std::invalid_argument("GruSession: the batch has " + std::to_string(batch.history.size()) + " history and " +
                                std::to_string(batch.context.size()) + " context features; the model reads " +
                                std::to_string(n_history) + " and " + std::to_string(n_context));
  }
  std::size_t next = 0;
  for (const auto& feature : features()) {
    if (feature.history) append(feature, batch.history[next++]);
  }
  next = 0;
  for (const auto& feature : features()) {
    if (feature.context) append(feature, batch.context[next++]);
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts, 1);
}

at::Tensor GruSession::states(const batching::Batch& batch, bool training) {
  const auto norm = [&](const at::Tensor& x, const std::string& name) {
    return at::layer_norm(x, {x.size(1)}, parameter(name + ".weight"), parameter(name + ".bias"), kNormEpsilon);
  };
  const auto linear = [&](const at::Tensor& x, const std::string& name) {
    return at::linear(x, parameter(name + ".weight"), parameter(name + ".bias"));
  };
  std::uint64_t place = 0;
  const auto dropped_out = [&](const at::Tensor& x, double p) {
    return training ? seeded_dropout(x, p, Random(dropout_seed, place++).next()) : x;
  };

  at::Tensor x = dropped_out(input(batch), options_.embedding_dropout);
  if (options_.layer_norm) x = norm(x, "input_norm");
  if (has("input_projection.weight")) x = linear(x, "input_projection");
  for (std::int64_t l = 0; l < options_.n_layers; ++l) {
    const at::Tensor y = options_.layer_norm && options_.residual ? norm(x, layer_name(l, "norm")) : x;
    const at::Tensor g = gru_layer(y, batch.batch_sizes, parameter(layer_name(l, "gru.weight_ih")),
                                   parameter(layer_name(l, "gru.weight_hh")), parameter(layer_name(l, "gru.bias_ih")),
                                   parameter(layer_name(l, "gru.bias_hh")), training && bf16);
    const at::Tensor dropped = dropped_out(g, options_.hidden_dropout);
    x = options_.residual ? x + dropped : dropped;
    if (options_.feed_forward_dim > 0) {
      const at::Tensor inner = at::gelu(linear(norm(x, layer_name(l, "ffn_norm")), layer_name(l, "ffn_in")));
      x = x + dropped_out(linear(inner, layer_name(l, "ffn_out")), options_.hidden_dropout);
    }
  }
  return x;
}

at::Tensor GruSession::project(at::Tensor x) {
  if (options_.layer_norm) {
    x = at::layer_norm(x, {x.size(1)}, parameter("output_norm.weight"), parameter("output_norm.bias"), kNormEpsilon);
  }
  if (has("output_projection.weight")) {
    x = at::linear(x, parameter("output_projection.weight"), parameter("output_projection.bias"));
  }
  return options_.normalize ? unit_rows(x) * options_.scale : x;
}

at::Tensor GruSession::forward(const batching::Batch& batch, bool training) {
  const at::AutoGradMode gradient_mode(training && at::GradMode::is_enabled());
  return project(states(batch, training));
}

at::Tensor GruSession::last(const batching::Batch& batch) {
  const at::NoGradGuard no_grad;
  std::vector<std::int64_t> positions = batch.last_positions();
  const at::Tensor index = at::tensor(positions, at::kLong).to(device());
  return project(states(batch, false).index_select(0, index));
}

std::unique_ptr<Inference> GruSession::make_inference() const { return std::make_unique<SessionInference>(*this); }

double GruSession::flop_per_position() const {
  double weights = 0;
  for (const auto& [name, tensor] : parameters()) {
    const bool table = name == "item_embedding.weight" || name == "output_embedding.weight" || is_feature(name);
    if (tensor.dim() == 2 && !table) weights += static_cast<double>(tensor.numel());
  }
  return 6 * weights;  // 2 forward, 2 for the gradient of the input, 2 for that of the weights
}

}  // namespace segue::models
