#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace segue::evaluation {

struct Interval {
  double low = 0, high = 0;
};

/// Per-cluster sums of a metric over its queries. Clusters (sequences or users) are what is resampled, since the
/// queries of one sequence are not independent. float is enough: a cluster holds few queries.
using ClusterSums = std::vector<float>;

/// Percentile bootstrap of ratios sum / count over clusters (Efron and Tibshirani 1993, chapter 13): every resample
/// draws n_clusters clusters with replacement, the same ones for all rows, so differences of rows are paired.
///
/// @param rows      [n_rows] of [n_clusters] sums
/// @param counts    [n_clusters] queries of each cluster
/// @return resampled means, [n_rows][n_samples]; a pure function of the arguments, whatever the thread count
std::vector<std::vector<double>> bootstrap_means(std::span<const ClusterSums> rows, const ClusterSums& counts,
                                                 std::int64_t n_samples, std::uint64_t seed, int n_threads);

/// The central `confidence` share of the samples (linear interpolation between order statistics).
Interval percentile_interval(std::vector<double> samples, double confidence);

}  // namespace segue::evaluation
