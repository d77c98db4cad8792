#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batching/batch.h"
#include "features/feature_pipeline.h"
#include "models/inference.h"
#include "models/item_features.h"
#include "models/row_look_up.h"
#include "support/json.h"

namespace segue::models {

/// A model trained by gradient that ranks items by inner product: a vector for every position of a packed batch (of the
/// user, before the next event), a vector for every item, and
///
///   logit_j = <v, o_j> + bias_j  (+ visited_weights, where a model has them)
///
/// It owns its parameters, by name; the kinds of models say what they are.
class Model {
 public:
  virtual ~Model() = default;
  Model(Model&&) = default;
  Model& operator=(Model&&) = delete;

  /// As in `model.kind`.
  [[nodiscard]] virtual std::string kind() const = 0;
  [[nodiscard]] virtual Json options_json() const = 0;
  [[nodiscard]] virtual std::int64_t vector_dim() const = 0;  ///< e

  /// @param n_trained  items with training events, the first ones; -1: all. Embeddings of the others are zeros and, as
  ///                   nothing is learned of them, stay zeros: an item tower then knows them by their features alone.
  void initialize(std::uint64_t seed, std::int64_t n_trained = -1);
  /// Vectors v of all positions, [n_positions, e]; differentiable when `training`.
  virtual at::Tensor forward(const batching::Batch& batch, bool training) = 0;
  /// Output vectors of the known items, [n_items, e]; differentiable.
  virtual at::Tensor item_vectors() = 0;
  /// Output vectors of some known items, [n, e], for sampled losses; rows may repeat. Differentiable.
  /// @param rows  [n] int64, on the host: on a device they would have to be waited for
  virtual at::Tensor output_vectors(const at::Tensor& rows) = 0;
  virtual at::Tensor output_bias() { return {}; }                            ///< [n_items], or undefined
  virtual at::Tensor output_bias(const at::Tensor& /*rows*/) { return {}; }  ///< of such rows, [n], or undefined
  virtual at::Tensor visited_weights() { return {}; }                        ///< [2], or undefined
  [[nodiscard]] virtual bool reads_example_age() const { return false; }     ///< Batch::example_age
  /// The same vectors by own arithmetic on a CPU, from a copy of the parameters as they are now.
  [[nodiscard]] virtual std::unique_ptr<Inference> make_inference() const = 0;
  /// Multiply-adds times 2 of forward and backward for one position, without the output layer.
  [[nodiscard]] virtual double flop_per_position() const = 0;

  using Parameters = std::vector<std::pair<std::string, at::Tensor>>;
  /// In a fixed order; the tensors are the parameters themselves.
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }
  virtual void to(at::Device device);
  [[nodiscard]] at::Device device() const;
  [[nodiscard]] std::int32_t n_items() const { return n_items_; }
  [[nodiscard]] const std::vector<features::FeatureSpec>& features() const { return features_; }  ///< of events
  [[nodiscard]] const ItemFeatures& item_features() const { return item_features_; }

  /// Look-ups by rows leave their gradient with take_row_gradients() instead of the table's own gradient;
  /// item_vectors() always makes that one, dense. Set by the trainer.
  bool sparse_gradients = false;
  /// What the backward passes since the last call left for tables, by parameter; see sparse_gradients.
  [[nodiscard]] RowGradients take_row_gradients() { return std::exchange(row_gradients_, {}); }
  /// Dropout is a function of this, of its place in the network and of the position alone. Set by the trainer before
  /// each update.
  std::uint64_t dropout_seed = 0;
  /// GEMMs of the body take bfloat16 inputs (training.precision); not for inference. Set by the trainer.
  bool bf16 = false;

 protected:
  /// How a parameter starts: `middle` everywhere, or spread around it: evenly rising, normal, or uniform, with `width`
  /// as the standard deviation or the half-width.
  struct Start {
    enum class Fill { kConstant, kRamp, kNormal, kUniform } fill = Fill::kConstant;
    double width = 0, middle = 0;
  };

  Model(std::int32_t n_items, std::vector<features::FeatureSpec> features, ItemFeatures item_features);
  /// Appends a parameter of zeros.
  void add(const std::string& name, std::vector<std::int64_t> shape);
  [[nodiscard]] at::Tensor parameter(const std::string& name) const;
  [[nodiscard]] bool has(const std::string& name) const;
  /// Rows of a table, as `sparse_gradients` says.
  at::Tensor look_up(const std::string& name, const at::Tensor& rows);
  /// How the i-th parameter starts.
  [[nodiscard]] virtual Start start_of(std::size_t i) const = 0;

 private:
  std::int32_t n_items_;
  std::vector<features::FeatureSpec> features_;
  ItemFeatures item_features_;
  Parameters parameters_;
  RowGradients row_gradients_;
};

}  // namespace segue::models
