#include "collaborative/ials.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "baselines/session_index.h"
#include "baselines/training_events.h"
#include "collaborative/alternating_least_squares.h"
#include "collaborative/filters.h"
#include "collaborative/history_items.h"
#include "collaborative/tensor_values.h"
#include "kernels/top_k.h"
#include "support/errors.h"
#include "support/threads.h"

namespace segue::collaborative {
namespace {

constexpr const char* kItems = "item_factors";

}  // namespace

IalsFilter::IalsFilter(const IalsOptions& options, std::int32_t n_items, AlignedFloats items)
    : Filter(options, n_items),
      options_(options),
      items_(std::move(items)),
      weighted_gram_(weighted_gram(items_, options.dim, options.unobserved_weight, 1)) {}

void IalsFilter::history_vectors(std::span<const std::span<const ItemRow>> histories, std::span<float> vectors) const {
  const auto dim = static_cast<std::size_t>(options_.dim);
  if (vectors.size() != histories.size() * dim)
    throw std::invalid_argument("IalsFilter::history_vectors: the vectors are not [histories, dim]");
  FactorEquations equations(options_.dim, options_.dim);
  for (std::size_t h = 0; h < histories.size(); ++h) {
    const auto items = distinct_items(histories[h], n_items());
    const float l2 = penalty(options_, static_cast<std::int64_t>(items.size()), n_items());
    if (!equations.solve({items_, weighted_gram_}, items, l2, vectors.data() + h * dim))
      throw NumericError("ials: singular equations of a history; train with a larger model.l2");
  }
}

void IalsFilter::fill(std::span<const ItemRow> history, std::span<float> scores) const {
  fill_all({&history, 1}, {scores.data(), 1, n_items()}, 1);
}

void IalsFilter::fill_all(std::span<const std::span<const ItemRow>> histories, kernels::MatrixView<float> scores,
                          int n_threads) const {
  const auto dim = static_cast<std::size_t>(options_.dim);
  AlignedFloats vectors(histories.size() * dim);
  parallel_ranges(scores.n_rows, 1, n_threads, [&](std::int64_t begin, std::int64_t end, int) {
    const auto first = static_cast<std::size_t>(begin);
    const auto n = static_cast<std::size_t>(end) - first;
    history_vectors(histories.subspan(first, n), std::span(vectors).subspan(first * dim, n * dim));
  });
  const kernels::MatrixView<const float> items{items_.data(), n_items(), options_.dim};
  kernels::score_all({vectors.data(), scores.n_rows, options_.dim}, {.vectors = items}, scores,
                     {.n_threads = n_threads});
}

std::map<std::string, model_file::TensorBytes> IalsFilter::weights() const {
  return {{kItems, tensor_of(model_file::DType::kF32, {n_items(), options_.dim}, items_)}};
}

std::unique_ptr<Filter> fit_kind(const IalsOptions& options, const Dataset& dataset, const FitSettings& settings) {
  const baselines::SessionIndex index(baselines::TrainingEvents(dataset, settings.include_validation));
  AlternatingLeastSquares als(index, dataset.n_items(), options, settings.seed, settings.n_threads);
  for (std::int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    als.solve_users();
    als.solve_items();
    if (settings.on_step) settings.on_step({"epochs", epoch, options.epochs, als.loss()});
  }
  const auto items = als.item_factors();
  return std::make_unique<IalsFilter>(options, dataset.n_items(), AlignedFloats(items.begin(), items.end()));
}

std::unique_ptr<Filter> load_kind(const IalsOptions& options, const WeightsFile& file, std::int32_t n_items) {
  const auto& tensor = file.expect(kItems, model_file::DType::kF32, {n_items, options.dim});
  return std::make_unique<IalsFilter>(options, n_items, values_of<AlignedFloats>(tensor));
}

}  // namespace segue::collaborative
