#include "kernels/metric.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kernels/cpu/workers.h"

namespace segue::kernels {

double squared_norm(const float* values, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

void prepare_rows(Metric metric, MatrixView<float> rows) {
  if (metric != Metric::kCosine) return;
  for (std::int64_t i = 0; i < rows.n_rows; ++i) {
    float* row = rows.row(i);
    const double length = std::sqrt(squared_norm(row, rows.n_cols));
    if (length == 0) continue;
    for (std::int64_t j = 0; j < rows.n_cols; ++j) row[j] = static_cast<float>(row[j] / length);
  }
}

std::vector<float> metric_bias(Metric metric, const ItemVectors& items, int n_threads) {
  require_well_formed(items, "metric_bias");
  if (metric != Metric::kL2) return {};
  std::vector<float> bias(static_cast<std::size_t>(items.n_rows));
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(items.n_rows, 1, n_threads));
  cpu::run_workers(n_workers, [&](int worker) {
    FloatRows rows(items);
    const std::int64_t end = cpu::part_begin(items.n_rows, 1, worker + 1, n_workers);
    for (std::int64_t i = cpu::part_begin(items.n_rows, 1, worker, n_workers); i < end; ++i)
      bias[static_cast<std::size_t>(i)] = static_cast<float>(-0.5 * squared_norm(rows.row(i), items.n_cols));
  });
  return bias;
}

float squared_distance(double squared_norm_of_query, float score) {
  const double distance = squared_norm_of_query - 2.0 * score;
  return static_cast<float>(distance < 0 ? 0.0 : distance);  // NaN stays
}

void finish_scores(Metric metric, MatrixView<const float> queries, MatrixView<float> scores) {
  if (queries.n_rows != scores.n_rows) {
    throw std::invalid_argument("finish_scores: scores of " + std::to_string(scores.n_rows) +
                                " queries, and there are " + std::to_string(queries.n_rows));
  }
  if (metric != Metric::kL2) return;
  for (std::int64_t q = 0; q < queries.n_rows; ++q) {
    const double norm = squared_norm(queries.row(q), queries.n_cols);
    float* row = scores.row(q);
    std::transform(row, row + scores.n_cols, row, [norm](float score) { return squared_distance(norm, score); });
  }
}

}  // namespace segue::kernels
