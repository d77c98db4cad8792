#include "tools/bench/cuda_top_k/vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

namespace segue::bench {
namespace {

constexpr int kQuantiles = 65536;

/// The inverse of the normal distribution's function, by bisection: 65,536 times is nothing.
float quantile(double probability) {
  double low = -6, high = 6;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return static_cast<float>(low);
}

/// SplitMix64.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<float> gaussian(std::int64_t n_rows, std::int64_t dim, std::uint64_t seed) {
  static const std::vector<float> table = [] {
    std::vector<float> made(kQuantiles);
    for (int i = 0; i < kQuantiles; ++i) made[static_cast<std::size_t>(i)] = quantile((i + 0.5) / kQuantiles);
    return made;
  }();
  std::vector<float> values(static_cast<std::size_t>(n_rows * dim));
  std::uint64_t state = seed;
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const std::uint64_t bits = next(state);
    for (std::size_t j = 0; j < 4 && i + j < values.size(); ++j) values[i + j] = table[bits >> (16 * j) & 0xFFFF];
  }
  return values;
}

std::vector<double> exact_scores(const float* query, const std::vector<float>& items, std::int64_t dim) {
  std::vector<double> scores(items.size() / static_cast<std::size_t>(dim));
  const float* item = items.data();
  for (double& score : scores) {
    for (std::int64_t i = 0; i < dim; ++i) score += static_cast<double>(query[i]) * static_cast<double>(item[i]);
    item += dim;
  }
  return scores;
}

bool are_best(const std::vector<double>& scores, const std::int32_t* rows, std::int64_t k) {
  const auto n_items = static_cast<std::int64_t>(scores.size());
  double largest = 0;
  for (const double score : scores) largest = std::max(largest, std::fabs(score));
  std::vector<double> sorted = scores;
  const std::int64_t n_listed = std::min(k, n_items);
  std::nth_element(sorted.begin(), sorted.begin() + (n_listed - 1), sorted.end(), std::greater<>());
  const double last = sorted[static_cast<std::size_t>(n_listed - 1)];
  const double slack = 1e-5 * largest;
  std::vector<bool> listed(static_cast<std::size_t>(n_items));
  for (std::int64_t i = 0; i < n_listed; ++i) {
    if (rows[i] < 0 || rows[i] >= n_items || listed[static_cast<std::size_t>(rows[i])]) return false;
    listed[static_cast<std::size_t>(rows[i])] = true;
    if (scores[static_cast<std::size_t>(rows[i])] < last - slack) return false;
  }
  for (std::int64_t item = 0; item < n_items; ++item)
    if (scores[static_cast<std::size_t>(item)] > last + slack && !listed[static_cast<std::size_t>(item)]) return false;
  return true;
}

}  // namespace segue::bench
