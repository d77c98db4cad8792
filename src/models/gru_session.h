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
class GruSession : public Model {
 public:
  /// @param of_events  what is known of events;  of_items  of items, [n_items + 1] each
  GruSession(GruSessionOptions options, std::int32_t n_items, std::vector<features::FeatureSpec> of_events,
             ItemFeatures of_items = {});

  [[nodiscard]] std::string kind() const override { return kKind; }
  [[nodiscard]] Json options_json() const override { return options_.to_json(); }
  [[nodiscard]] std::int64_t vector_dim() const override { return options_.embedding_dim; }
  /// Before any visited weights.
  at::Tensor forward(const batching::Batch& batch, bool training) override;
  /// Session vectors after the last event of each batch row, [batch, e], without gradient.
  at::Tensor last(const batching::Batch& batch);
  /// Embeddings of items, [n, e], as input; row n_items is the unknown item. Differentiable.
  at::Tensor embed_items(const at::Tensor& rows);
  at::Tensor item_vectors() override;
  at::Tensor output_vectors(const at::Tensor& rows) override;
  at::Tensor output_bias() override;
  at::Tensor output_bias(const at::Tensor& rows) override;
  at::Tensor visited_weights() override;
  [[nodiscard]] std::unique_ptr<Inference> make_inference() const override;
  [[nodiscard]] double flop_per_position() const override;

  [[nodiscard]] const GruSessionOptions& options() const { return options_; }
  [[nodiscard]] std::int64_t input_dim() const;
  static constexpr const char* kKind = "gru_session";

 private:
  [[nodiscard]] Start start_of(std::size_t i) const override;
  /// Hidden states of the last layer, before output_norm, [n_positions, hidden].
  at::Tensor states(const batching::Batch& batch, bool training);
  at::Tensor project(at::Tensor x);
  at::Tensor input(const batching::Batch& batch);
  GruSessionOptions options_;
};

}  // namespace segue::models
