#include "collaborative/filter.h"

#include <stdexcept>

#include "collaborative/filters.h"
#include "support/threads.h"

namespace segue::collaborative {

void Filter::score(std::span<const ItemRow> history, std::span<float> scores) const {
  if (scores.size() != static_cast<std::size_t>(n_items_)) {
    throw std::invalid_argument("Filter::score: " + std::to_string(scores.size()) + " scores for " +
                                std::to_string(n_items_) + " items");
  }
  fill(history, scores);
}

void Filter::score_all(std::span<const std::span<const ItemRow>> histories, kernels::MatrixView<float> scores,
                       int n_threads) const {
  if (scores.n_rows != static_cast<std::int64_t>(histories.size()) || scores.n_cols != n_items_) {
    throw std::invalid_argument("Filter::score_all: scores [" + std::to_string(scores.n_rows) + ", " +
                                std::to_string(scores.n_cols) + "] for " + std::to_string(histories.size()) +
                                " histories and " + std::to_string(n_items_) + " items");
  }
  fill_all(histories, scores, n_threads);
}

void Filter::history_vectors(std::span<const std::span<const ItemRow>> /*histories*/,
                             std::span<float> /*vectors*/) const {
  throw std::logic_error("Filter::history_vectors: " + kind() + " gives no vectors to histories");
}

void Filter::fill_all(std::span<const std::span<const ItemRow>> histories, kernels::MatrixView<float> scores,
                      int n_threads) const {
  parallel_ranges(scores.n_rows, 1, n_threads, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t h = begin; h < end; ++h)
      fill(histories[static_cast<std::size_t>(h)], {scores.row(h), static_cast<std::size_t>(scores.n_cols)});
  });
}

std::unique_ptr<Filter> fit(const FilterOptions& options, const Dataset& dataset, const FitSettings& settings) {
  return std::visit([&](const auto& of_kind) { return fit_kind(of_kind, dataset, settings); }, options.of_kind());
}

std::unique_ptr<Filter> load(const FilterOptions& options, const model_file::SafetensorsFile& file,
                             std::int32_t n_items) {
  return std::visit([&](const auto& of_kind) { return load_kind(of_kind, file, n_items); }, options.of_kind());
}

}  // namespace segue::collaborative
