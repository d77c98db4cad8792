#include "models/session_inference.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "models/gelu.h"
#include "models/layer_norm.h"
#include "models/packed_events.h"
#include "models/packed_gru.h"
#include "models/packed_linear.h"
#include "models/unit_rows.h"

namespace segue::models {
namespace {

using Matrix = std::vector<float>;

constexpr std::int64_t kRowsAtATime = 256;  // of a feed-forward block: what they need on the way stays in cache

struct Norm {
  Matrix weight, bias;
  void apply(float* x, std::int64_t n_rows) const {
    layer_norm(x, n_rows, static_cast<std::int64_t>(weight.size()), weight.data(), bias.data());
  }
};

struct Layer {
  Norm norm, ffn_norm;
  PackedGru gru;
  PackedLinear ffn_in, ffn_out;
};

}  // namespace

struct SessionInference::State {
  GruSessionOptions options;
  std::int64_t input_dim = 0;
  PackedEvents events;
  Norm input_norm, output_norm;
  PackedLinear input_projection, output_projection;
  std::vector<Layer> layers;

  [[nodiscard]] Matrix input(const batching::Batch& batch) const;
  void run_layer(const Layer& layer, const batching::Batch& batch, Matrix& x, std::int64_t& width) const;
  void feed_forward(const Layer& layer, std::int64_t n, Matrix& x) const;
};

SessionInference::SessionInference(const GruSession& model) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.options = model.options();
  state.input_dim = model.input_dim();
  state.events = PackedEvents(model, state.options.embedding_dim, [](std::int64_t item) { return item; });
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model.parameters()) tensors[name] = tensor.detach().to(at::kCPU).contiguous();
  const auto copy = [&](const std::string& name) {
    const at::Tensor& tensor = tensors.at(name);
    return Matrix(tensor.const_data_ptr<float>(), tensor.const_data_ptr<float>() + tensor.numel());
  };
  const auto norm = [&](const std::string& name, Norm& to) {
    if (tensors.count(name + ".weight") != 0) to = {copy(name + ".weight"), copy(name + ".bias")};
  };
  const auto linear = [&](const std::string& weight, const std::string& bias, PackedLinear& to) {
    if (tensors.count(weight) == 0) return;
    const at::Tensor& w = tensors.at(weight);
    to = PackedLinear(w.const_data_ptr<float>(), tensors.at(bias).const_data_ptr<float>(), w.size(0), w.size(1));
  };
  norm("input_norm", state.input_norm);
  norm("output_norm", state.output_norm);
  linear("input_projection.weight", "input_projection.bias", state.input_projection);
  linear("output_projection.weight", "output_projection.bias", state.output_projection);
  for (std::int64_t l = 0; l < state.options.n_layers; ++l) {
    const std::string name = "layers." + std::to_string(l) + ".";
    Layer layer;
    norm(name + "norm", layer.norm);
    norm(name + "ffn_norm", layer.ffn_norm);
    const auto gru = [&](const char* part) { return tensors.at(name + "gru." + part).const_data_ptr<float>(); };
    layer.gru = PackedGru(gru("weight_ih"), gru("weight_hh"), gru("bias_ih"), gru("bias_hh"), state.options.hidden_dim,
                          tensors.at(name + "gru.weight_ih").size(1));
    linear(name + "ffn_in.weight", name + "ffn_in.bias", layer.ffn_in);
    linear(name + "ffn_out.weight", name + "ffn_out.bias", layer.ffn_out);
    state.layers.push_back(std::move(layer));
  }
}

SessionInference::~SessionInference() = default;

std::int64_t SessionInference::vector_dim() const { return state_->options.embedding_dim; }

Matrix SessionInference::State::input(const batching::Batch& batch) const {
  Matrix x(static_cast<std::size_t>(batch.n_positions() * input_dim));
  events.past(batch, x.data(), input_dim);
  std::vector<std::int64_t> positions(static_cast<std::size_t>(batch.n_positions()));
  std::iota(positions.begin(), positions.end(), 0);
  events.context(batch, positions, x.data() + events.past_dim(), input_dim);
  return x;
}

void SessionInference::State::run_layer(const Layer& layer, const batching::Batch& batch, Matrix& x,
                                        std::int64_t& width) const {
  const std::int64_t n = batch.n_positions(), hidden = options.hidden_dim;
  const std::span sizes(batch.batch_sizes.const_data_ptr<std::int64_t>(),
                        static_cast<std::size_t>(batch.batch_sizes.size(0)));
  Matrix states(static_cast<std::size_t>(n * hidden));
  std::function<void(float*, std::int64_t)> norm;
  if (!layer.norm.weight.empty()) norm = [&](float* rows, std::int64_t n_rows) { layer.norm.apply(rows, n_rows); };
  layer.gru.apply(sizes, x.data(), norm, states.data());
  if (options.residual) {
    for (std::size_t i = 0; i < states.size(); ++i) states[i] += x[i];
  }
  x = std::move(states);
  width = hidden;
  if (!layer.ffn_in.empty()) feed_forward(layer, n, x);
}

void SessionInference::State::feed_forward(const Layer& layer, std::int64_t n, Matrix& x) const {
  const std::int64_t hidden = options.hidden_dim;
  Matrix y, inner(static_cast<std::size_t>(std::min(n, kRowsAtATime) * layer.ffn_in.n_out()));
  for (std::int64_t begin = 0; begin < n; begin += kRowsAtATime) {
    const std::int64_t n_rows = std::min(kRowsAtATime, n - begin);
    float* rows = x.data() + begin * hidden;
    y.assign(rows, rows + n_rows * hidden);
    layer.ffn_norm.apply(y.data(), n_rows);
    layer.ffn_in.apply(y.data(), n_rows, inner.data());
    gelu(inner.data(), n_rows * layer.ffn_in.n_out());
    layer.ffn_out.apply(inner.data(), n_rows, y.data());
    for (std::size_t i = 0; i < y.size(); ++i) rows[i] += y[i];
  }
}

void SessionInference::at_positions(const batching::Batch& batch, std::span<const std::int64_t> positions,
                                    float* vectors) const {
  const State& state = *state_;
  const std::int64_t n = batch.n_positions(), e = state.options.embedding_dim;
  Matrix x = state.input(batch);
  std::int64_t width = state.input_dim;
  if (!state.input_norm.weight.empty()) state.input_norm.apply(x.data(), n);
  if (!state.input_projection.empty()) {
    Matrix y(static_cast<std::size_t>(n * state.input_projection.n_out()));
    state.input_projection.apply(x.data(), n, y.data());
    width = state.input_projection.n_out();
    x = std::move(y);
  }
  for (const Layer& layer : state.layers) state.run_layer(layer, batch, x, width);
  const auto n_out = static_cast<std::int64_t>(positions.size());
  Matrix chosen(static_cast<std::size_t>(n_out * width));
  for (std::int64_t i = 0; i < n_out; ++i) {
    std::copy_n(x.data() + positions[static_cast<std::size_t>(i)] * width, width, chosen.data() + i * width);
  }
  if (!state.output_norm.weight.empty()) state.output_norm.apply(chosen.data(), n_out);
  if (state.output_projection.empty()) {
    std::copy(chosen.begin(), chosen.end(), vectors);
  } else {
    state.output_projection.apply(chosen.data(), n_out, vectors);
  }
  if (state.options.normalize) make_unit_rows(vectors, n_out, e, state.options.scale);
}

}  // namespace segue::models
