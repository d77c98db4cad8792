#include "training/objective.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "batching/upload.h"
#include "support/errors.h"
#include "training/losses.h"

namespace segue::training {
namespace {

using batching::upload;

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
constexpr std::uint64_t kNegativeStream = 0x6E65676174697665ULL, kUniformStream = 0x756E69666F726DULL;

// Four hashes, gaps averaged at a rate of .01.
constexpr int kHashes = 4;
constexpr double kGapRate = 0.01;
constexpr std::int64_t kFewestBuckets = 1024, kBucketsAnItem = 2;
constexpr double kLeastCount = 1e-12;

std::int32_t* fill_rows(std::int32_t* first, std::int64_t n) {
  std::iota(first, first + n, 0);
  return first + n;
}

/// The batch row of every position, [n_positions] int32 on the CPU.
at::Tensor sequence_rows(const batching::Batch& batch) {
  at::Tensor rows = at::empty({batch.n_positions()}, at::kInt);
  auto* row = rows.mutable_data_ptr<std::int32_t>();
  const auto* sizes = batch.batch_sizes.const_data_ptr<std::int64_t>();
  for (std::int64_t t = 0; t < batch.batch_sizes.size(0); ++t) row = fill_rows(row, sizes[t]);
  return rows;
}

/// How many positions of its own group a position meets on average, itself included.
double mean_group_size(const at::Tensor& rows) {
  const at::Tensor sizes = at::bincount(rows).to(at::kDouble);
  return (sizes.square().sum() / sizes.sum()).item<double>();
}

}  // namespace

Objective::Objective(models::Model& model, const Dataset& dataset, const TrainingOptions& options, std::uint64_t seed)
    : model_(model), options_(options), seed_(seed ^ kNegativeStream), n_trained_(dataset.n_trained_items()) {
  if (options.loss == Loss::kCrossEntropy) return;
  if (model.visited_weights().defined())
    throw ConfigError("model.visited_weights needs training.loss: cross_entropy; set it to false or change the loss");
  sampler_.emplace(dataset.item_counts(), options.negative_alpha);
  uniform_.emplace(dataset.item_counts(), 0.0);
  targets_.emplace(dataset.item_counts(), 1.0);
  if (options.item_probability == ItemProbability::kStreaming)
    estimator_.emplace(kHashes, std::max<std::int64_t>(kFewestBuckets, kBucketsAnItem * model.n_items()), kGapRate);
  if (options.memory_size > 0) {
    memory_items_ = at::zeros({options.memory_size}, at::kLong);
    memory_vectors_ =
        at::zeros({options.memory_size, model.vector_dim()}, at::TensorOptions(at::kFloat).device(model.device()));
    n_remembered_ = at::zeros({1}, at::kLong);
  }
}

std::map<std::string, at::Tensor> Objective::state() const {
  std::map<std::string, at::Tensor> state;
  if (estimator_)
    for (const auto& [name, tensor] : estimator_->state()) state["item_probability." + name] = tensor;
  if (memory_items_.defined()) {
    state["memory.items"] = memory_items_;
    state["memory.vectors"] = memory_vectors_;
    state["memory.n"] = n_remembered_;
  }
  return state;
}

at::Tensor Objective::loss(const batching::Batch& batch, std::int64_t step) {
  Examples examples{model_.forward(batch.to(model_.device()), true), batch.targets, {}, batch.weights};
  if (batch.n_targets < batch.n_positions()) {
    examples.kept = batch.targets.ge(0).nonzero().squeeze(1);
    examples.vectors = examples.vectors.index_select(0, upload(examples.kept, model_.device()));
    examples.targets = batch.targets.index_select(0, examples.kept);
    if (batch.weights.defined()) examples.weights = batch.weights.index_select(0, examples.kept);
  }
  return options_.loss == Loss::kCrossEntropy ? full_loss(batch, examples) : sampled(batch, examples, step);
}

at::Tensor Objective::full_loss(const batching::Batch& batch, const Examples& examples) {
  // Items without a training event are no negatives: they would only be pushed away.
  const auto trained = [&](const at::Tensor& of_items) {
    return of_items.defined() ? of_items.narrow(0, 0, n_trained_) : of_items;
  };
  OutputLayer layer{.vectors = examples.vectors,
                    .items = trained(model_.item_vectors()),
                    .bias = trained(model_.output_bias()),
                    .visited_weights = model_.visited_weights(),
                    .visited_offsets = {},
                    .visited_items = {},
                    .weights = upload(examples.weights, model_.device())};
  if (layer.visited_weights.defined()) {
    layer.visited_offsets = batch.visited_offsets;
    layer.visited_items = batch.visited_items;
    if (examples.kept.defined())
      std::tie(layer.visited_offsets, layer.visited_items) =
          pick_rows(batch.visited_offsets, batch.visited_items, examples.kept);
  }
  return cross_entropy(
      layer, upload(examples.targets, model_.device()),
      {.label_smoothing = options_.label_smoothing, .bf16 = options_.precision == Precision::kBFloat16});
}

at::Tensor Objective::draw(std::int64_t step) const {
  auto drawn = sampler_->draw(options_.n_negatives, seed_, static_cast<std::uint64_t>(step));
  const auto evenly =
      uniform_->draw(options_.n_uniform_negatives, seed_ ^ kUniformStream, static_cast<std::uint64_t>(step));
  drawn.insert(drawn.end(), evenly.begin(), evenly.end());
  return at::tensor(drawn, at::kLong);
}

at::Tensor Objective::log_expected_counts(const at::Tensor& items, double n_from_targets) const {
  const auto* item = items.const_data_ptr<std::int64_t>();
  std::vector<float> logs(static_cast<std::size_t>(items.numel()));
  for (std::size_t i = 0; i < logs.size(); ++i) {
    double expected = static_cast<double>(options_.n_negatives) * sampler_->probability(item[i]) +
                      static_cast<double>(options_.n_uniform_negatives) * uniform_->probability(item[i]);
    if (n_from_targets > 0)
      expected += n_from_targets * (estimator_ ? estimator_->probability(item[i]) : targets_->probability(item[i]));
    logs[i] = static_cast<float>(std::log(std::max(expected, kLeastCount)));
  }
  return at::tensor(logs);
}

void Objective::remember(const at::Tensor& items, const at::Tensor& vectors) {
  const std::int64_t size = options_.memory_size, n = items.size(0);
  std::int64_t& total = *n_remembered_.mutable_data_ptr<std::int64_t>();
  const std::int64_t first = std::max<std::int64_t>(0, n - size);  // more than fit: the last ones stay
  const at::Tensor places = at::arange(total + first, total + n, at::kLong).remainder(size);
  memory_items_.index_copy_(0, places, items.narrow(0, first, n - first));
  memory_vectors_.index_copy_(0, upload(places, vectors.device()), vectors.narrow(0, first, n - first));
  total += n;
}

at::Tensor Objective::sampled(const batching::Batch& batch, const Examples& examples, std::int64_t step) {
  const at::Tensor targets = examples.targets.contiguous();
  const at::Device device = model_.device();
  const std::int64_t n = targets.size(0);
  if (estimator_) estimator_->observe({targets.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(n)});
  at::Tensor items = at::cat({targets, draw(step)});
  at::Tensor item_vectors = model_.output_vectors(items);
  const at::Tensor of_targets = item_vectors.narrow(0, 0, n).detach();
  // Negatives that are not of this batch stand behind the others, as constants: those remembered here, and in training
  // on several devices those of the other ranks would too, with their number added to n_from_targets.
  std::int64_t n_constant = 0;
  if (memory_items_.defined()) {
    n_constant = std::min(options_.memory_size, *n_remembered_.const_data_ptr<std::int64_t>());
    items = at::cat({items, memory_items_.narrow(0, 0, n_constant)});
    item_vectors = at::cat({item_vectors, memory_vectors_.narrow(0, 0, n_constant)});
  }
  SampledLayer layer{.vectors = examples.vectors,
                     .item_vectors = item_vectors,
                     .item_bias = model_.output_bias(items),
                     .items = upload(items, device),
                     .targets_are_negatives = options_.in_batch_negatives || options_.loss != Loss::kSampledSoftmax,
                     .groups = {},
                     .weights = upload(examples.weights, device)};
  double n_from_targets = static_cast<double>(n_constant);
  if (options_.in_batch_negatives) {
    at::Tensor rows = sequence_rows(batch);
    if (examples.kept.defined()) rows = rows.index_select(0, examples.kept);
    n_from_targets += static_cast<double>(n) - mean_group_size(rows);
    layer.groups = upload(rows, device);
  }
  at::Tensor log_q;
  if (options_.loss == Loss::kSampledSoftmax && options_.log_q_correction != LogQ::kNone)
    log_q = upload(log_expected_counts(items, n_from_targets), device);
  const at::Tensor loss = sampled_loss(layer, log_q,
                                       {.loss = options_.loss,
                                        .bpr_regularization = options_.bpr_regularization,
                                        .score_elu = options_.score_elu,
                                        .bf16 = options_.precision == Precision::kBFloat16,
                                        .correct_positive = options_.log_q_correction == LogQ::kBoth});
  if (memory_items_.defined()) remember(targets, of_targets);
  return loss;
}

std::int64_t Objective::negatives_per_target(std::int64_t n_targets) const {
  if (options_.loss == Loss::kCrossEntropy) return model_.n_items() - 1;
  const bool in_batch = options_.in_batch_negatives || options_.loss != Loss::kSampledSoftmax;
  return options_.n_negatives + options_.n_uniform_negatives + options_.memory_size +
         (in_batch ? std::max<std::int64_t>(n_targets - 1, 0) : 0);
}

double Objective::output_flop(std::int64_t n_targets) const {
  const double columns = static_cast<double>(negatives_per_target(n_targets) + 1);
  return 6.0 * static_cast<double>(n_targets) * columns * static_cast<double>(model_.vector_dim());
}

}  // namespace segue::training
