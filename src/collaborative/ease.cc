// EASE (Steck 2019). X'X is counted row by row; inverse and weights are made in its memory.

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "baselines/session_index.h"
#include "baselines/training_events.h"
#include "collaborative/add_multiple.h"
#include "collaborative/aligned_floats.h"
#include "collaborative/balanced_ranges.h"
#include "collaborative/filters.h"
#include "collaborative/neighbour_filter.h"
#include "collaborative/symmetric_inverse.h"
#include "collaborative/tensor_values.h"
#include "support/errors.h"
#include "support/progress.h"
#include "support/threads.h"

namespace segue::collaborative {
namespace {

using baselines::SessionIndex;
constexpr const char* kWeights = "weights";

/// The whole matrix B, [n_items, n_items].
class EaseFilter : public Filter {
 public:
  EaseFilter(const EaseOptions& options, std::int32_t n_items, AlignedFloats weights)
      : Filter(options, n_items), history_half_life_(options.history_half_life), weights_(std::move(weights)) {}

  [[nodiscard]] std::map<std::string, model_file::TensorBytes> weights() const override {
    return {{kWeights, tensor_of(model_file::DType::kF32, {n_items(), n_items()}, weights_)}};
  }

 protected:
  void fill(std::span<const ItemRow> history, std::span<float> scores) const override {
    std::fill(scores.begin(), scores.end(), 0.0F);
    const std::span<const float> all(weights_);
    for (const auto& [item, weight] : weighted_items(history, n_items(), history_half_life_))
      add_multiple(all.subspan(static_cast<std::size_t>(item) * scores.size(), scores.size()), weight, scores);
  }

 private:
  double history_half_life_;
  AlignedFloats weights_;
};

void require_memory(std::int64_t n_items, double limit_gb) {
  const double bytes = 4.0 * static_cast<double>(n_items) * static_cast<double>(n_items);
  if (bytes <= limit_gb * 1e9) return;
  throw ConfigError("model.kind: ease needs a matrix of " + with_thousands(n_items) + " x " + with_thousands(n_items) +
                    " items, " + human_bytes(bytes) + ", more than model.memory_limit allows (" +
                    human_bytes(limit_gb * 1e9) + "): raise it, leave out rare items, or use model.kind: ials");
}

/// The lower triangle of X'X + l2 I.
AlignedFloats regularised_gram(const SessionIndex& index, std::int32_t n_items, double l2, int n_threads) {
  const auto n = static_cast<std::size_t>(n_items);
  AlignedFloats gram(n * n);
  const auto cost = [&](std::int64_t item) {
    double additions = 1;
    for (const std::int32_t u : index.sessions_of(static_cast<ItemRow>(item)))
      additions += static_cast<double>(index.items_of(static_cast<std::size_t>(u)).size());
    return additions;
  };
  balanced_ranges(n_items, n_threads, cost, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      float* row = gram.data() + static_cast<std::size_t>(i) * n;
      for (const std::int32_t session : index.sessions_of(static_cast<ItemRow>(i))) {
        for (const ItemRow j : index.items_of(static_cast<std::size_t>(session))) {
          if (j > i) break;  // items of a session rise
          row[j] += 1;
        }
      }
      row[i] += static_cast<float>(l2);
    }
  });
  return gram;
}

/// B from P, in place.
void make_weights(AlignedFloats& p, std::int32_t n_items, int n_threads) {
  const auto n = static_cast<std::size_t>(n_items);
  std::vector<float> diagonal(n);
  for (std::size_t j = 0; j < n; ++j) diagonal[j] = p[j * n + j];
  parallel_ranges(n_items, 64, n_threads, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      for (std::size_t j = 0; j < n; ++j) p[i * n + j] = -p[i * n + j] / diagonal[j];
      p[i * n + i] = 0;
    }
  });
}

NeighbourRows largest_weights(const AlignedFloats& weights, std::int32_t n_items, std::int64_t n_kept, int n_threads) {
  const auto n = static_cast<std::size_t>(n_items);
  const auto worker = [&]() -> NeighbourRows::MakeRow {
    return [&weights, n, n_kept, keys = std::vector<float>()](ItemRow item, std::vector<Neighbour>& row) mutable {
      for (std::size_t j = 0; j < n; ++j) {
        const float weight = weights[static_cast<std::size_t>(item) * n + j];
        if (weight != 0) row.push_back({static_cast<ItemRow>(j), weight});
      }
      keep_largest(row, n_kept, Largest::kMagnitude, keys);
    };
  };
  return NeighbourRows::make(
      n_items, n_threads, [](std::int64_t) { return 1.0; }, worker);
}

}  // namespace

std::unique_ptr<Filter> fit_kind(const EaseOptions& options, const Dataset& dataset, const FitSettings& settings) {
  const std::int32_t n_items = dataset.n_items();
  require_memory(n_items, options.memory_limit);
  auto matrix = [&] {
    const SessionIndex index(baselines::TrainingEvents(dataset, settings.include_validation));
    return regularised_gram(index, n_items, options.l2, settings.n_threads);
  }();
  const auto on_block = [&](std::int64_t done, std::int64_t total) {
    if (settings.on_step) settings.on_step({"blocks of the inverse", done, total, std::nullopt});
  };
  if (!invert_symmetric(matrix.data(), n_items, settings.n_threads, on_block)) {
    throw NumericError("ease: X'X + l2 I is singular in float32 with model.l2 = " + std::to_string(options.l2) +
                       ": raise model.l2");
  }
  make_weights(matrix, n_items, settings.n_threads);
  if (options.neighbours == 0 || options.neighbours >= n_items - 1)
    return std::make_unique<EaseFilter>(options, n_items, std::move(matrix));
  return std::make_unique<NeighbourFilter>(options, n_items, options.history_half_life,
                                           largest_weights(matrix, n_items, options.neighbours, settings.n_threads));
}

std::unique_ptr<Filter> load_kind(const EaseOptions& options, const WeightsFile& file, std::int32_t n_items) {
  if (options.neighbours != 0 && options.neighbours < n_items - 1) {
    return std::make_unique<NeighbourFilter>(options, n_items, options.history_half_life,
                                             NeighbourRows::load(file, n_items));
  }
  const auto& tensor = file.expect(kWeights, model_file::DType::kF32, {n_items, n_items});
  return std::make_unique<EaseFilter>(options, n_items, values_of<AlignedFloats>(tensor));
}

}  // namespace segue::collaborative
