#include "training/objective.h"

#include <cmath>

#include "support/errors.h"
#include "training/losses.h"

namespace segue::training {
namespace {

/// The rows `kept` of a CSR structure, on the CPU.
std::pair<at::Tensor, at::Tensor> pick_rows(const at::Tensor& offsets, const at::Tensor& items,
                                            const at::Tensor& kept) {
  const auto* offset = offsets.const_data_ptr<std::int64_t>();
  const auto* item = items.const_data_ptr<std::int64_t>();
  const auto* row = kept.const_data_ptr<std::int64_t>();
  std::vector<std::int64_t> picked_offsets = {0}, picked_items;
  for (std::int64_t i = 0; i < kept.numel(); ++i) {
    picked_items.insert(picked_items.end(), item + offset[row[i]], item + offset[row[i] + 1]);
    picked_offsets.push_back(static_cast<std::int64_t>(picked_items.size()));
  }
  return {at::tensor(picked_offsets, at::kLong), at::tensor(picked_items, at::kLong)};
}

// Streams of the seed: the weights, the order of batches and the negatives must not share one.
constexpr std::uint64_t kNegativeStream = 0x6E65676174697665ULL;

}  // namespace

Objective::Objective(models::Model& model, const Dataset& dataset, const TrainingOptions& options, std::uint64_t seed)
    : model_(model), options_(options), seed_(seed ^ kNegativeStream) {
  if (options.loss == Loss::kCrossEntropy) return;
  if (model.visited_weights().defined())
    throw ConfigError("model.visited_weights needs training.loss: cross_entropy; set it to false or change the loss");
  sampler_.emplace(dataset.item_counts(), options.negative_alpha);
}

at::Tensor Objective::loss(const batching::Batch& batch, std::int64_t step) {
  at::Tensor vectors = model_.forward(batch, true);
  at::Tensor targets = batch.targets, kept;
  if (batch.n_targets < batch.n_positions()) {
    kept = targets.ge(0).nonzero().squeeze(1);
    vectors = vectors.index_select(0, kept);
    targets = targets.index_select(0, kept);
  }
  return options_.loss == Loss::kCrossEntropy ? full_loss(batch, vectors, targets, kept)
                                              : sampled(vectors, targets, step);
}

at::Tensor Objective::full_loss(const batching::Batch& batch, const at::Tensor& vectors, const at::Tensor& targets,
                                const at::Tensor& kept) {
  OutputLayer layer{.vectors = vectors,
                    .items = model_.item_vectors(),
                    .bias = model_.output_bias(),
                    .visited_weights = model_.visited_weights(),
                    .visited_offsets = {},
                    .visited_items = {}};
  if (layer.visited_weights.defined()) {
    layer.visited_offsets = batch.visited_offsets;
    layer.visited_items = batch.visited_items;
    if (kept.defined()) {
      const auto [offsets, items] =
          pick_rows(batch.visited_offsets.to(at::kCPU), batch.visited_items.to(at::kCPU), kept.to(at::kCPU));
      layer.visited_offsets = offsets.to(vectors.device());
      layer.visited_items = items.to(vectors.device());
    }
  }
  return cross_entropy(
      layer, targets,
      {.label_smoothing = options_.label_smoothing, .bf16 = options_.precision == Precision::kBFloat16});
}

at::Tensor Objective::sampled(const at::Tensor& vectors, const at::Tensor& targets, std::int64_t step) {
  at::Tensor drawn =
      at::tensor(sampler_->draw(options_.n_negatives, seed_, static_cast<std::uint64_t>(step)), at::kLong)
          .to(targets.device());
  at::Tensor log_q;
  if (options_.loss == Loss::kSampledSoftmax) {
    std::vector<float> logs(static_cast<std::size_t>(drawn.numel()));
    const at::Tensor on_cpu = drawn.to(at::kCPU);
    const auto* item = on_cpu.const_data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < logs.size(); ++i)
      logs[i] = static_cast<float>(std::log(static_cast<double>(logs.size()) * sampler_->probability(item[i])));
    log_q = at::tensor(logs).to(vectors.device());
  }
  const at::Tensor all = at::cat({targets, drawn});
  const SampledLayer layer{.vectors = vectors,
                           .item_vectors = model_.output_vectors(all),
                           .item_bias = model_.output_bias(all),
                           .items = all,
                           .targets_are_negatives = options_.loss != Loss::kSampledSoftmax};
  return sampled_loss(layer, log_q,
                      {.loss = options_.loss,
                       .bpr_regularization = options_.bpr_regularization,
                       .score_elu = options_.score_elu,
                       .bf16 = options_.precision == Precision::kBFloat16});
}

std::int64_t Objective::negatives_per_target(std::int64_t n_targets) const {
  if (options_.loss == Loss::kCrossEntropy) return model_.n_items() - 1;
  return options_.n_negatives + (options_.loss == Loss::kSampledSoftmax ? 0 : std::max<std::int64_t>(n_targets - 1, 0));
}

double Objective::output_flop(std::int64_t n_targets) const {
  const double columns = static_cast<double>(negatives_per_target(n_targets) + 1);
  return 6.0 * static_cast<double>(n_targets) * columns * static_cast<double>(model_.vector_dim());
}

}  // namespace segue::training
