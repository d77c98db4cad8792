#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>

#include "batching/batch.h"
#include "dataset/dataset.h"
#include "models/model.h"
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
  /// Negatives that each target is compared with (the catalogue less one for cross_entropy).
  [[nodiscard]] std::int64_t negatives_per_target(std::int64_t n_targets) const;
  /// Floating-point operations of the output layer, forward and backward, for one update on `n_targets`.
  [[nodiscard]] double output_flop(std::int64_t n_targets) const;

 private:
  at::Tensor full_loss(const batching::Batch& batch, const at::Tensor& vectors, const at::Tensor& targets,
                       const at::Tensor& kept);
  at::Tensor sampled(const at::Tensor& vectors, const at::Tensor& targets, std::int64_t step);

  models::Model& model_;
  TrainingOptions options_;
  std::uint64_t seed_;
  std::optional<NegativeSampler> sampler_;
};

}  // namespace segue::training
