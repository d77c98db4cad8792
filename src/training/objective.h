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

  /// Mean loss over the batch's targets, differentiable, on the model's device. `step` decides the negatives. All that
  /// is chosen and drawn is so on the host, which does not wait for the device.
  /// @param batch  on the host, with a target at least
  at::Tensor loss(const batching::Batch& batch, std::int64_t step);
  /// What the updates so far left behind (the memory of targets, the estimated shares of items), by name: the tensors
  /// themselves, for checkpoints.
  [[nodiscard]] std::map<std::string, at::Tensor> state() const;
  /// Negatives that each target is compared with (the catalogue less one for cross_entropy).
  [[nodiscard]] std::int64_t negatives_per_target(std::int64_t n_targets) const;
  /// Floating-point operations of the output layer, forward and backward, for one update on `n_targets`.
  [[nodiscard]] double output_flop(std::int64_t n_targets) const;

 private:
  /// The positions of a batch that have a target.
  struct Examples {
    at::Tensor vectors;  ///< [n, e], on the model's device
    // On the host.
    at::Tensor targets;  ///< [n] int64
    at::Tensor kept;     ///< [n] int64, which positions they are; undefined: all
    at::Tensor weights;  ///< [n] float, or undefined
  };
  at::Tensor full_loss(const batching::Batch& batch, const Examples& examples);
  at::Tensor sampled(const batching::Batch& batch, const Examples& examples, std::int64_t step);
  /// The drawn negatives of an update.
  [[nodiscard]] at::Tensor draw(std::int64_t step) const;
  /// Logarithm of how often each item is expected among the negatives of a position, [items]; all on the host.
  [[nodiscard]] at::Tensor log_expected_counts(const at::Tensor& items, double n_from_targets) const;
  /// @param items  on the host;  vectors  on the model's device
  void remember(const at::Tensor& items, const at::Tensor& vectors);

  models::Model& model_;
  TrainingOptions options_;
  std::uint64_t seed_;
  std::int64_t n_trained_;
  std::optional<NegativeSampler> sampler_, uniform_, targets_;  ///< targets_: shares of items, nothing is drawn
  std::optional<FrequencyEstimator> estimator_;
  at::Tensor memory_items_;    ///< [memory_size], on the host: a ring
  at::Tensor memory_vectors_;  ///< [memory_size, e], on the model's device
  at::Tensor n_remembered_;    ///< [1] int64, ever
};

}  // namespace segue::training
