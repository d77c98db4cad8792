#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "batching/batch.h"
#include "config/section.h"
#include "models/model.h"
#include "support/json.h"

namespace segue::models {

/// How the user tower sums up a history.
enum class HistorySummary { kMean, kRecency, kAttention, kGru };

/// Section `model` for kind two_tower.
struct TwoTowerOptions {
  std::int64_t embedding_dim = 64;  ///< of an item's id
  std::int64_t vector_dim = 64;     ///< of the vectors that both towers give
  std::int64_t feature_dim = 8;     ///< embedding of a categorical feature; at most its number of codes
  std::int64_t id_buckets = 0;      ///< ids are hashed to so many embeddings; 0: each its own
  HistorySummary history = HistorySummary::kRecency;
  std::int64_t hidden_dim = 64;           ///< history: gru
  std::vector<std::int64_t> user_layers;  ///< widths of the user tower's hidden layers
  std::vector<std::int64_t> item_layers;  ///< of the item tower's
  bool tied = true;                       ///< both towers read one table of item embeddings
  bool example_age = false;               ///< the user tower sees how old a training example is; 0 when serving
  bool normalize = true;                  ///< vectors of length 1: cosine / temperature
  double temperature = 0.07;
  bool learn_temperature = false;
  bool output_bias = false;
  double embedding_dropout = 0;  ///< on what the towers read of events
  double hidden_dropout = 0;     ///< on the summary of the history and after each hidden layer
  double id_dropout = 0;         ///< share of items whose id the item tower does not see in an update
  double init_std = 0.1;         ///< of the item embeddings
  void read(config::Section& section);
  [[nodiscard]] Json to_json() const;
  static TwoTowerOptions from_json(const Json& json, const std::string& where);
};

/// The candidate retriever: a tower for users, one for items, scored by inner product. For every position p of a packed
/// batch, with the events i <= p of its sequence:
///
///   x_i = [id embedding of item_i; each feature of item_i; each history feature of event i]     [input_dim]
///   h_p = mean:       sum_i x_i / p
///         recency:    sum_i d^(p-i) x_i / sum_i d^(p-i)           a learned rate d in (0, 1) for every dimension
///         attention:  sum_i d^(p-i) w_i x_i / sum_i d^(p-i) w_i   w_i = exp(clamp(<a, x_i>, -10, 10)), a learned
///         gru:        state of a GRU                                                             [hidden_dim]
///   u   = [h_p; each context feature of the next event; example age]
///   u   = relu(W u + b) for each of user_layers, then W u + b                                    [vector_dim]
///   v   = u / (|u| temperature)  if normalize
///
/// and for every item j
///
///   y   = [id embedding of j; each feature of j]
///   y   = relu(W y + b) for each of item_layers, then W y + b (left out where y has vector_dim numbers and there
///         are no hidden layers)
///   o_j = y / |y|  if normalize;     logit_j = <v, o_j> + bias_j
///
/// The age of an example, in days before the end of training, enters as log1p(days) and log1p(24 days) / 4; a request
/// has age 0: the model is asked about now (Covington et al. 2016). Items without a training event have an id embedding
/// of zeros: their vector is that of their features alone, and id_dropout makes the tower learn to live with that.
///
/// Parameters, by name (all float32):
///   item_embedding.weight [n_items + 1 or id_buckets + 1, embedding_dim], the last for unknown items;
///   output_embedding.weight, the same for the item tower where it is not tied;
///   item_features.<name>.weight, features.<name>.weight [n_codes, dim], dim = min(feature_dim, n_codes);
///   history.log_half_life [input_dim]: d = 2^(-1 / e^h), h in events;  history.attention [input_dim];
///   history.gru.{weight_ih, weight_hh, bias_ih, bias_hh};
///   user_tower.<l>.{weight, bias};  item_tower.<l>.{weight, bias};  log_scale [1];  output_bias [n_items]
class TwoTower : public Model {
 public:
  /// @param of_events  what is known of events;  of_items  of items, [n_items + 1] each
  TwoTower(TwoTowerOptions options, std::int32_t n_items, std::vector<features::FeatureSpec> of_events,
           ItemFeatures of_items = {});

  [[nodiscard]] std::string kind() const override { return kKind; }
  [[nodiscard]] Json options_json() const override { return options_.to_json(); }
  [[nodiscard]] std::int64_t vector_dim() const override { return options_.vector_dim; }
  at::Tensor forward(const batching::Batch& batch, bool training) override;
  /// In pieces, so that memory stays bounded where no gradient is asked for.
  at::Tensor item_vectors() override;
  at::Tensor output_vectors(const at::Tensor& rows) override;
  at::Tensor output_bias() override;
  at::Tensor output_bias(const at::Tensor& rows) override;
  [[nodiscard]] std::unique_ptr<Inference> make_inference() const override;
  [[nodiscard]] double flop_per_position() const override;
  [[nodiscard]] bool reads_example_age() const override { return options_.example_age; }
  void to(at::Device device) override;

  [[nodiscard]] const TwoTowerOptions& options() const { return options_; }
  [[nodiscard]] std::int64_t input_dim() const;    ///< of x
  [[nodiscard]] std::int64_t context_dim() const;  ///< numbers of the context features of the next event
  /// Row of an item in the tables of embeddings.
  [[nodiscard]] std::int64_t id_row(std::int64_t item) const;
  /// 1 / temperature as it is now.
  [[nodiscard]] double scale() const;
  static constexpr const char* kKind = "two_tower";
  static constexpr std::int64_t kAgeDim = 2;

 private:
  [[nodiscard]] Start start_of(std::size_t i) const override;
  [[nodiscard]] at::Tensor id_rows(const at::Tensor& items) const;
  /// [id embedding; features] of items, [n, embedding_dim + features].
  at::Tensor describe(const std::string& table, const at::Tensor& items);
  at::Tensor events(const batching::Batch& batch);
  at::Tensor summary(const at::Tensor& x, const at::Tensor& batch_sizes, bool training);
  /// Differentiable, with dropout, where gradients are asked for.
  at::Tensor item_tower(const at::Tensor& items);
  at::Tensor layers(const std::string& tower, at::Tensor x, bool training);
  [[nodiscard]] at::Tensor dropped_out(const at::Tensor& x, double p, bool training, std::uint64_t place) const;

  TwoTowerOptions options_;
  at::Tensor id_table_;  ///< id_row() of every item and of the unknown one; undefined where ids are not hashed
};

}  // namespace segue::models
