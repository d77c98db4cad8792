#include "evaluation/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "support/random.h"
#include "support/threads.h"

namespace segue::evaluation {
namespace {

double weighted_sum(const float* weights, const float* values, std::size_t n) {
  // Blocks of float sums keep the loop vectorised; blocks are added in double so that long arrays lose nothing.
  constexpr std::size_t kBlock = 1024, kLanes = 16;
  double total = 0;
  for (std::size_t begin = 0; begin < n; begin += kBlock) {
    const std::size_t end = std::min(n, begin + kBlock);
    float lanes[kLanes] = {};
    std::size_t i = begin;
    for (; i + kLanes <= end; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += weights[i + lane] * values[i + lane];
    for (; i < end; ++i) lanes[0] += weights[i] * values[i];
    for (const float lane : lanes) total += static_cast<double>(lane);
  }
  return total;
}

}  // namespace

std::vector<std::vector<double>> bootstrap_means(std::span<const ClusterSums> rows, const ClusterSums& counts,
                                                 std::int64_t n_samples, std::uint64_t seed, int n_threads) {
  const std::size_t n_clusters = counts.size();
  for (const auto& row : rows)
    if (row.size() != n_clusters) throw std::invalid_argument("bootstrap_means: rows of unequal length");
  std::vector<std::vector<double>> means(rows.size(), std::vector<double>(static_cast<std::size_t>(n_samples)));
  if (n_clusters == 0) return means;
  parallel_ranges(n_samples, 8, n_threads, [&](std::int64_t begin, std::int64_t end, int) {
    std::vector<float> weights(n_clusters);
    for (std::int64_t sample = begin; sample < end; ++sample) {
      Random random(seed, static_cast<std::uint64_t>(sample));
      std::fill(weights.begin(), weights.end(), 0.0F);
      for (std::size_t draw = 0; draw < n_clusters; ++draw) weights[random.below(n_clusters)] += 1.0F;
      const double count = weighted_sum(weights.data(), counts.data(), n_clusters);
      for (std::size_t row = 0; row < rows.size(); ++row)
        means[row][static_cast<std::size_t>(sample)] =
            weighted_sum(weights.data(), rows[row].data(), n_clusters) / count;
    }
  });
  return means;
}

Interval percentile_interval(std::vector<double> samples, double confidence) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(samples.size() - 1);
    const auto below = static_cast<std::size_t>(std::floor(place));
    const auto above = std::min(below + 1, samples.size() - 1);
    return samples[below] + (place - static_cast<double>(below)) * (samples[above] - samples[below]);
  };
  return {at((1 - confidence) / 2), at((1 + confidence) / 2)};
}

}  // namespace segue::evaluation
