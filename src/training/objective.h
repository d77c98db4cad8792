#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "batching/batch.h"
#include "dataset/dataset.h"
#include "models/model.h"
#include "training/frequency_estimator.h"
#include "training/negative_sampler.h"
#include "training/training_options.h"

namespace segue::training {

/// The loss of a batch under the options: forward, targets picked out, negatives drawn, loss.
class Objective {
 public:
  /// @throws ConfigError  the model's options do not go with the loss
  Objective(models::Model& model, const Dataset& dataset, const TrainingOptions& options, std::uint64_t seed);

  /// Mean loss over the batch's targets, differentiable. `step` decides the negatives. The batch must have a target and
  /// lie on the model's device.
  at::Tensor loss(const batching::Batch& batch, std::int64_t step);
  /// What the updates so far left behind (the memory of targets, the estimated shares of items), by name: the tensors
  /// themselves, for checkpoints.
  [[nodiscard]] std::map<std::string, at::Tensor> state() const;
  /// Negatives that each target is compared with (the catalogue less one for cross_entropy).
  [[nodiscard]] std::int64_t negatives_per_target(std::int64_t n_targets) const;
  /// Floating-point operations of the output layer, forward and backward, for one update on `n_targets`.
  [[nodiscard]] double output_flop(std::int64_t n_targets) const;

 private:
  at::Tensor full_loss(const batching::Batch& batch, const at::Tensor& vectors, const at::Tensor& targets,
                       const at::Tensor& kept, const at::Tensor& weights);
  at::Tensor sampled(const batching::Batch& batch, const at::Tensor& vectors, const at::Tensor& targets,
                     const at::Tensor& kept, const at::Tensor& weights, std::int64_t step);
  /// The drawn negatives of an update.
  [[nodiscard]] at::Tensor draw(std::int64_t step) const;
  /// Logarithm of how often each item is expected among the negatives of a position, [items].
  [[nodiscard]] at::Tensor log_expected_counts(const at::Tensor& items, double n_from_targets) const;
  void remember(const at::Tensor& items, const at::Tensor& vectors);

  models::Model& model_;
  TrainingOptions options_;
  std::uint64_t seed_;
  std::int64_t n_trained_;
  std::optional<NegativeSampler> sampler_, uniform_, targets_;  ///< targets_: shares of items, nothing is drawn
  std::optional<FrequencyEstimator> estimator_;
  at::Tensor memory_items_, memory_vectors_;  ///< [memory_size], [memory_size, e]: a ring
  at::Tensor n_remembered_;                   ///< [1] int64, ever
};

}  // namespace segue::training
