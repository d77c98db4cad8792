#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "models/gru_session.h"
#include "ranking/scorer.h"

namespace segue::models {

/// The formula of models/gru_session.h in double, an event at a time, as plainly as it can be written.
class PlainModel {
 public:
  using Row = std::vector<double>;

  explicit PlainModel(const GruSession& model)
      : options_(model.options()), n_items_(static_cast<std::size_t>(model.n_items())) {
    for (const auto& [name, tensor] : model.parameters()) {
      const auto* values = tensor.const_data_ptr<float>();
      parameters_[name] = Row(values, values + tensor.numel());
    }
  }

  /// Scores of all items for a query whose history is cut to its latest `max_length` events.
  [[nodiscard]] Row scores(const Dataset& dataset, const ranking::Query& query, std::int64_t max_length) const {
    const std::int64_t begin = std::max(query.begin, query.position - max_length);
    std::vector<Row> states(static_cast<std::size_t>(options_.n_layers),
                            Row(static_cast<std::size_t>(options_.hidden_dim), 0.0));
    Row x;
    for (std::int64_t event = begin; event < query.position; ++event) x = step(input(dataset, event), states);
    if (options_.layer_norm) x = norm(x, "output_norm");
    if (has("output_projection.weight")) x = linear(x, "output_projection.weight", "output_projection.bias");
    if (options_.normalize) x = unit(x, options_.scale);
    Row scores(n_items_);
    for (std::size_t item = 0; item < n_items_; ++item) {
      Row vector = row(options_.tied ? "item_embedding.weight" : "output_embedding.weight", item, x.size());
      if (options_.normalize) vector = unit(vector, 1);
      scores[item] = options_.output_bias ? parameters_.at("output_bias")[item] : 0;
      for (std::size_t i = 0; i < x.size(); ++i) scores[item] += x[i] * vector[i];
    }
    if (!options_.visited_weights) return scores;
    const auto items = dataset.item_rows();
    const ItemRow current = items[static_cast<std::size_t>(query.position - 1)];
    std::set<ItemRow> visited;
    for (std::int64_t event = begin; event < query.position; ++event)
      visited.insert(items[static_cast<std::size_t>(event)]);
    for (const ItemRow item : visited) {
      if (static_cast<std::size_t>(item) < n_items_)
        scores[static_cast<std::size_t>(item)] += parameters_.at("visited_weights")[item == current ? 0 : 1];
    }
    return scores;
  }

 private:
  [[nodiscard]] bool has(const std::string& name) const { return parameters_.count(name) != 0; }
  [[nodiscard]] Row row(const std::string& name, std::size_t index, std::size_t width) const {
    const auto from = parameters_.at(name).begin() + static_cast<std::ptrdiff_t>(index * width);
    return {from, from + static_cast<std::ptrdiff_t>(width)};
  }

  [[nodiscard]] Row linear(const Row& x, const std::string& weight, const std::string& bias) const {
    Row y = parameters_.at(bias);
    for (std::size_t o = 0; o < y.size(); ++o) {
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += parameters_.at(weight)[o * x.size() + i] * x[i];
    }
    return y;
  }

  [[nodiscard]] Row norm(const Row& x, const std::string& name) const {
    const auto width = static_cast<double>(x.size());
    double mean = 0, variance = 0;
    for (const double value : x) mean += value / width;
    for (const double value : x) variance += (value - mean) * (value - mean) / width;
    Row y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      y[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * parameters_.at(name + ".weight")[i] +
             parameters_.at(name + ".bias")[i];
    }
    return y;
  }

  static Row unit(Row x, double length) {
    double squares = 0;
    for (const double value : x) squares += value * value;
    for (double& value : x) value *= length / std::sqrt(squares);
    return x;
  }

  /// [item; history features of the event; context features of the one after it]
  [[nodiscard]] Row input(const Dataset& dataset, std::int64_t event) const {
    const auto at = static_cast<std::size_t>(event);
    Row x = row("item_embedding.weight", static_cast<std::size_t>(dataset.item_rows()[at]),
                static_cast<std::size_t>(options_.embedding_dim));
    const auto append = [&](const MappedFeature& feature, std::size_t from) {
      if (!feature.spec.categorical) return x.push_back(static_cast<double>(feature.values[from]));
      const auto width = static_cast<std::size_t>(std::min<std::int64_t>(options_.feature_dim, feature.spec.n_codes));
      const Row part =
          row("features." + feature.spec.name + ".weight", static_cast<std::size_t>(feature.codes[from]), width);
      x.insert(x.end(), part.begin(), part.end());
    };
    for (const MappedFeature& feature : dataset.features())
      if (feature.spec.history) append(feature, at);
    for (const MappedFeature& feature : dataset.features())
      if (feature.spec.context) append(feature, at + 1);
    return x;
  }

  /// One event through all layers; updates their states.
  [[nodiscard]] Row step(Row x, std::vector<Row>& states) const {
    if (options_.layer_norm) x = norm(x, "input_norm");
    if (has("input_projection.weight")) x = linear(x, "input_projection.weight", "input_projection.bias");
    for (std::size_t l = 0; l < states.size(); ++l) {
      const std::string name = "layers." + std::to_string(l) + ".";
      const Row y = has(name + "norm.weight") ? norm(x, name + "norm") : x;
      const Row a = linear(y, name + "gru.weight_ih", name + "gru.bias_ih");
      const Row b = linear(states[l], name + "gru.weight_hh", name + "gru.bias_hh");
      const std::size_t hidden = states[l].size();
      for (std::size_t i = 0; i < hidden; ++i) {
        const double r = 1 / (1 + std::exp(-a[i] - b[i])), z = 1 / (1 + std::exp(-a[hidden + i] - b[hidden + i]));
        const double n = std::tanh(a[2 * hidden + i] + r * b[2 * hidden + i]);
        states[l][i] = (1 - z) * n + z * states[l][i];
      }
      Row next = states[l];
      if (options_.residual)
        for (std::size_t i = 0; i < hidden; ++i) next[i] += x[i];
      x = next;
      if (options_.feed_forward_dim == 0) continue;
      Row inner = linear(norm(x, name + "ffn_norm"), name + "ffn_in.weight", name + "ffn_in.bias");
      for (double& value : inner) value = value / 2 * (1 + std::erf(value / std::sqrt(2.0)));
      const Row outer = linear(inner, name + "ffn_out.weight", name + "ffn_out.bias");
      for (std::size_t i = 0; i < hidden; ++i) x[i] += outer[i];
    }
    return x;
  }

  GruSessionOptions options_;
  std::size_t n_items_;
  std::map<std::string, Row> parameters_;
};

}  // namespace segue::models
