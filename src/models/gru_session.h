#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "batching/batch.h"
#include "config/section.h"
#include "features/feature_pipeline.h"
#include "models/item_features.h"
#include "models/row_look_up.h"
#include "support/json.h"

namespace segue::models {

/// Section `model` for kind gru_session.
struct GruSessionOptions {
  std::int64_t embedding_dim = 64;
  std::int64_t hidden_dim = 128;
  std::int64_t n_layers = 1;
  std::int64_t feature_dim = 8;  ///< embedding of a categorical feature; at most its number of codes
  double embedding_dropout = 0.0;
  double hidden_dropout = 0.0;
  bool layer_norm = false;            ///< before each GRU and before the output
  bool residual = false;              ///< x + GRU(x): projects the input to hidden_dim when the sizes differ
  std::int64_t feed_forward_dim = 0;  ///< residual block W2 gelu(W1 LN(x)) after each GRU; 0: none
  bool tied = true;                   ///< output vectors are the item embeddings
  bool output_bias = true;
  bool normalize = false;  ///< cosine logits: unit vectors times `scale`
  double scale = 16;
  bool visited_weights = false;  ///< learned scalars added to the logits of the current item and of earlier visits
  double init_std = 0.1;         ///< of the item embedding
  void read(config::Section& section);
  [[nodiscard]] Json to_json() const;
  static GruSessionOptions from_json(const Json& json, const std::string& where);
};

/// The session model. With e = embedding_dim, H = hidden_dim, for every position p of a packed batch:
///
///   x  = [item_embedding[item_p]; embedding or value of each feature of item_p; of each history feature of the event;
///         of each context feature of the next event]                                              [input_dim]
///   x  = dropout_e(x)
///   x  = LN_input(x) if layer_norm
///   x  = W x + b (input_projection) if residual and input_dim != H
///   for l in layers:   y = x, or LN(x) if layer_norm and residual (layers.l.norm)
///                      g = GRU_l(y) (torch's gate order r, z, n and both biases)
///                      x = x + dropout_h(g) if residual, else dropout_h(g)
///                      if feed_forward_dim:  x = x + dropout_h(W2 gelu(W1 LN(x) + b1) + b2)
///   x  = LN_output(x) if layer_norm
///   v  = W x + b (output_projection) if H != e, else x                                            [e]
///   v  = scale v / |v| if normalize (item vectors then have length 1)
///   logit_j = <v, o_j> + bias_j + visited_weights[0] [j is the current item]
///                               + visited_weights[1] [j visited before, not current]
///
/// with o = item_embedding (tied) or output_embedding. Parameters, by name (all float32):
///   item_embedding.weight [n_items+1, e];
///   item_features.<name>.weight [n_codes, dim] for each categorical feature of items (their codes are no parameters);
///   features.<name>.weight [n_codes, dim] for each categorical feature of events (history and context share it);
///   input_norm.{weight,bias};  input_projection.{weight,bias};  layers.<l>.norm.{weight,bias};
///   layers.<l>.gru.{weight_ih [3H, in], weight_hh [3H, H], bias_ih, bias_hh};  layers.<l>.ffn_norm.{weight,bias};
///   layers.<l>.ffn_in.{weight,bias};  layers.<l>.ffn_out.{weight,bias};  output_norm.{weight,bias};
///   output_projection.{weight,bias};  output_embedding.weight [n_items, e];  output_bias [n_items];
///   visited_weights [2]
/// Only those that the options call for exist. dim of a feature = min(feature_dim, n_codes).
class GruSession {
 public:
  /// @param features  of events;  item_features  of items, [n_items + 1] each
  GruSession(GruSessionOptions options, std::int32_t n_items, std::vector<features::FeatureSpec> features,
             ItemFeatures item_features = {});

  void initialize(std::uint64_t seed);
  /// Session vectors v of all positions, [n_positions, e], before any visited weights; differentiable when `training`.
  at::Tensor forward(const batching::Batch& batch, bool training);
  /// Session vectors after the last event of each batch row, [batch, e], without gradient.
  at::Tensor last(const batching::Batch& batch);
  /// Embeddings of items, [n, e], as input; row n_items is the unknown item. Differentiable.
  at::Tensor embed_items(const at::Tensor& rows);
  /// Output vectors of the known items, [n_items, e] (normalised if `normalize`); differentiable.
  at::Tensor item_vectors();
  /// Output vectors of some known items, [n, e], for sampled losses; rows may repeat. Differentiable.
  at::Tensor output_vectors(const at::Tensor& rows);
  at::Tensor output_bias();                        ///< [n_items], or undefined
  at::Tensor output_bias(const at::Tensor& rows);  ///< [n], or undefined; differentiable
  at::Tensor visited_weights();                    ///< [2], or undefined

  /// By name, in a fixed order; the tensors are the parameters themselves.
  [[nodiscard]] const std::vector<std::pair<std::string, at::Tensor>>& parameters() const { return parameters_; }
  void to(at::Device device);
  [[nodiscard]] at::Device device() const;
  [[nodiscard]] const GruSessionOptions& options() const { return options_; }
  [[nodiscard]] std::int32_t n_items() const { return n_items_; }
  [[nodiscard]] const std::vector<features::FeatureSpec>& features() const { return features_; }
  [[nodiscard]] const ItemFeatures& item_features() const { return item_features_; }
  [[nodiscard]] std::int64_t input_dim() const;
  /// Multiply-adds times 2 of forward and backward for one position, without the output layer.
  [[nodiscard]] double flop_per_position() const;

  /// Look-ups by rows (embed_items and output_vectors) leave their gradient with take_row_gradients() instead of the
  /// table's own gradient; item_vectors() always makes that one, dense. Set by the trainer.
  bool sparse_gradients = false;
  /// What the backward passes since the last call left for tables, by parameter; see sparse_gradients.
  [[nodiscard]] RowGradients take_row_gradients() { return std::exchange(row_gradients_, {}); }
  /// Dropout is a function of this, of its place in the network and of the position alone. Set by the trainer before
  /// each update.
  std::uint64_t dropout_seed = 0;
  /// The GRU's GEMMs take bfloat16 inputs (training.precision); not used by `last`. Set by the trainer.
  bool bf16 = false;

 private:
  at::Tensor parameter(const std::string& name) const;
  [[nodiscard]] bool has(const std::string& name) const;
  void add(const std::string& name, std::vector<std::int64_t> shape);
  /// Hidden states of the last layer, before output_norm, [n_positions, hidden].
  at::Tensor states(const batching::Batch& batch, bool training);
  at::Tensor project(at::Tensor x);
  at::Tensor input(const batching::Batch& batch);
  at::Tensor look_up(const std::string& name, const at::Tensor& rows);
  GruSessionOptions options_;
  std::int32_t n_items_;
  std::vector<features::FeatureSpec> features_;
  ItemFeatures item_features_;
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  RowGradients row_gradients_;
};

}  // namespace segue::models
