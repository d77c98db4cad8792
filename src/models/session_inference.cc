#include "models/session_inference.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/gelu.h"
#include "models/gru_gates.h"
#include "models/layer_norm.h"
#include "models/packed_linear.h"

namespace segue::models {
namespace {

using Matrix = std::vector<float>;

constexpr std::int64_t kRowsAtATime = 256;  // of a hidden size of 128: what they need on the way stays in cache

struct Norm {
  Matrix weight, bias;
  void apply(float* x, std::int64_t n_rows) const {
    layer_norm(x, n_rows, static_cast<std::int64_t>(weight.size()), weight.data(), bias.data());
  }
};

struct Layer {
  Norm norm, ffn_norm;
  PackedLinear ih, hh, ffn_in, ffn_out;
  Matrix bias_hh;
};

/// Where a feature's numbers come from: a table, or the value itself.
struct FeatureInput {
  bool categorical = true;
  std::int64_t width = 1, n_codes = 0;
  Matrix table;
};

/// What mean_of_codes() gives for every item and the unknown one, [n_items + 1, width].
Matrix means_of_codes(const at::Tensor& weight, const at::Tensor& codes, const at::Tensor& offsets) {
  const auto width = static_cast<std::size_t>(weight.size(1));
  const auto* ends = offsets.const_data_ptr<std::int64_t>();
  const auto n_rows = static_cast<std::size_t>(offsets.size(0) - 1);
  Matrix means(n_rows * width);
  for (std::size_t row = 0; row < n_rows; ++row) {
    if (ends[row] == ends[row + 1]) continue;
    float* mean = means.data() + row * width;
    for (auto i = ends[row]; i < ends[row + 1]; ++i) {
      const float* code = weight.const_data_ptr<float>() + codes.const_data_ptr<std::int64_t>()[i] * weight.size(1);
      for (std::size_t j = 0; j < width; ++j) mean[j] += code[j];
    }
    const auto n = static_cast<float>(ends[row + 1] - ends[row]);
    for (std::size_t j = 0; j < width; ++j) mean[j] /= n;
  }
  return means;
}

}  // namespace

struct SessionInference::State {
  GruSessionOptions options;
  std::int64_t n_items = 0, item_dim = 0, input_dim = 0;
  Matrix items;  // [n_items + 1, item_dim]: an item's embedding and features side by side, copied at once
  std::vector<FeatureInput> history, context;
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
  state.n_items = model.n_items();
  state.input_dim = model.input_dim();
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
  state.item_dim = state.options.embedding_dim + model.item_features().input_dim(state.options.feature_dim);
  state.items.resize(static_cast<std::size_t>((state.n_items + 1) * state.item_dim));
  std::int64_t column = 0;
  // Columns `column` and on of every item: the row of `table` that is the item's.
  const auto place = [&](const Matrix& table, std::int64_t width, const auto& row_of) {
    for (std::int64_t item = 0; item <= state.n_items; ++item)
      std::copy_n(table.data() + row_of(item) * width, width, state.items.data() + item * state.item_dim + column);
    column += width;
  };
  const auto itself = [](std::int64_t item) { return item; };
  place(copy("item_embedding.weight"), state.options.embedding_dim, itself);
  for (std::size_t f = 0; f < model.item_features().specs.size(); ++f) {
    const auto& feature = model.item_features().specs[f];
    const at::Tensor table = model.item_features().tables[f].to(at::kCPU).contiguous();
    if (feature.multiple) {
      const at::Tensor& weight = tensors.at("item_features." + feature.name + ".weight");
      place(means_of_codes(weight, table, model.item_features().offsets[f].to(at::kCPU)), weight.size(1), itself);
    } else if (feature.categorical) {
      const std::string name = "item_features." + feature.name + ".weight";
      const auto* codes = table.const_data_ptr<std::int64_t>();
      place(copy(name), tensors.at(name).size(1), [&](std::int64_t item) { return codes[item]; });
    } else {
      const auto* values = table.const_data_ptr<float>();
      place(Matrix(values, values + table.numel()), 1, itself);
    }
  }
  for (const auto& feature : model.features()) {
    FeatureInput from;
    from.categorical = feature.categorical;
    const std::string name = "features." + feature.name + ".weight";
    if (tensors.count(name) != 0) {
      from.table = copy(name);
      from.n_codes = tensors.at(name).size(0);
      from.width = tensors.at(name).size(1);
    }
    if (feature.history) state.history.push_back(from);
    if (feature.context) state.context.push_back(from);
  }
  norm("input_norm", state.input_norm);
  norm("output_norm", state.output_norm);
  linear("input_projection.weight", "input_projection.bias", state.input_projection);
  linear("output_projection.weight", "output_projection.bias", state.output_projection);
  for (std::int64_t l = 0; l < state.options.n_layers; ++l) {
    const std::string name = "layers." + std::to_string(l) + ".";
    Layer layer;
    norm(name + "norm", layer.norm);
    norm(name + "ffn_norm", layer.ffn_norm);
    linear(name + "gru.weight_ih", name + "gru.bias_ih", layer.ih);
    linear(name + "gru.weight_hh", name + "gru.bias_hh", layer.hh);
    linear(name + "ffn_in.weight", name + "ffn_in.bias", layer.ffn_in);
    linear(name + "ffn_out.weight", name + "ffn_out.bias", layer.ffn_out);
    layer.bias_hh = copy(name + "gru.bias_hh");
    state.layers.push_back(std::move(layer));
  }
}

SessionInference::~SessionInference() = default;

std::int64_t SessionInference::vector_dim() const { return state_->options.embedding_dim; }

Matrix SessionInference::State::input(const batching::Batch& batch) const {
  if (batch.history.size() != history.size() || batch.context.size() != context.size()) {
    throw std::invalid_argument("SessionInference: the batch has other features than the model");
  }
  const std::int64_t n = batch.n_positions();
  Matrix x(static_cast<std::size_t>(n * input_dim));
  const auto* rows = batch.items.const_data_ptr<std::int64_t>();
  for (std::int64_t p = 0; p < n; ++p) {
    if (rows[p] < 0 || rows[p] > n_items) throw std::invalid_argument("SessionInference: item row out of range");
    std::copy_n(items.data() + rows[p] * item_dim, item_dim, x.data() + p * input_dim);
  }
  std::int64_t column = item_dim;
  const auto append = [&](const FeatureInput& from, const at::Tensor& values) {
    for (std::int64_t p = 0; p < n; ++p) {
      float* out = x.data() + p * input_dim + column;
      if (!from.categorical) {
        *out = values.const_data_ptr<float>()[p];
        continue;
      }
      const std::int64_t code = values.const_data_ptr<std::int64_t>()[p];
      if (code < 0 || code >= from.n_codes) throw std::invalid_argument("SessionInference: feature code out of range");
      std::copy_n(from.table.data() + code * from.width, from.width, out);
    }
    column += from.width;
  };
  for (std::size_t i = 0; i < history.size(); ++i) append(history[i], batch.history[i]);
  for (std::size_t i = 0; i < context.size(); ++i) append(context[i], batch.context[i]);
  return x;
}

void SessionInference::State::run_layer(const Layer& layer, const batching::Batch& batch, Matrix& x,
                                        std::int64_t& width) const {
  const std::int64_t n = batch.n_positions(), n_steps = batch.batch_sizes.size(0), hidden = options.hidden_dim;
  const auto* sizes = batch.batch_sizes.const_data_ptr<std::int64_t>();
  Matrix y, from_input, from_state(static_cast<std::size_t>(sizes[0] * 3 * hidden));
  Matrix states(static_cast<std::size_t>(n * hidden));
  std::int64_t before = 0;  // where the states of the step before begin
  for (std::int64_t first = 0, begin = 0; first < n_steps;) {
    std::int64_t last = first, n_rows = 0;
    while (last < n_steps && (n_rows == 0 || n_rows + sizes[last] <= kRowsAtATime)) n_rows += sizes[last++];
    y.assign(x.data() + begin * width, x.data() + (begin + n_rows) * width);
    if (!layer.norm.weight.empty()) layer.norm.apply(y.data(), n_rows);
    from_input.resize(static_cast<std::size_t>(n_rows * 3 * hidden));
    layer.ih.apply(y.data(), n_rows, from_input.data());
    const float* input = from_input.data();
    for (std::int64_t t = first; t < last; ++t) {
      GateForward<float> step;
      step.n_rows = sizes[t];
      step.hidden = hidden;
      step.from_input = input;
      step.from_state = layer.bias_hh.data();
      if (t > 0) {
        step.state = states.data() + before * hidden;
        layer.hh.apply(step.state, sizes[t], from_state.data());
        step.from_state = from_state.data();
      }
      step.next_state = states.data() + begin * hidden;
      gate_forward(step);
      input += sizes[t] * 3 * hidden;
      before = begin;
      begin += sizes[t];
    }
    first = last;
  }
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
  if (!state.options.normalize) return;
  for (std::int64_t i = 0; i < n_out; ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < e; ++j)
      squares += static_cast<double>(vectors[i * e + j]) * static_cast<double>(vectors[i * e + j]);
    const auto factor = static_cast<float>(state.options.scale / std::max(std::sqrt(squares), 1e-12));
    for (std::int64_t j = 0; j < e; ++j) vectors[i * e + j] *= factor;
  }
}

}  // namespace segue::models
