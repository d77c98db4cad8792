#include "evaluation/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <stdexcept>

#include "support/random.h"

namespace segue::evaluation {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(BootstrapTest, SpreadOfAShareIsTheBinomialOne) {
  // 2,500 clusters of one query, a fifth of them hits: standard error sqrt(.2 .8 / 2500) = .008.
  ClusterSums hits(2500, 0), counts(2500, 1);
  for (std::size_t i = 0; i < hits.size(); i += 5) hits[i] = 1;
  const auto means = bootstrap_means(std::vector<ClusterSums>{hits}, counts, 4000, 1, 2);
  EXPECT_NEAR(mean(means[0]), 0.2, 0.0005);
  EXPECT_NEAR(deviation(means[0]), 0.008, 0.0004);
  const auto interval = percentile_interval(means[0], 0.95);
  EXPECT_NEAR(interval.low, 0.2 - 1.96 * 0.008, 0.001);
  EXPECT_NEAR(interval.high, 0.2 + 1.96 * 0.008, 0.001);
}

TEST(BootstrapTest, ResamplesClustersNotQueries) {
  // 100 clusters of 25 equal queries: the error is that of 100 independent values, not of 2,500.
  ClusterSums hits(100, 0), counts(100, 25);
  for (std::size_t i = 0; i < hits.size(); i += 5) hits[i] = 25;
  const auto means = bootstrap_means(std::vector<ClusterSums>{hits}, counts, 4000, 2, 1);
  EXPECT_NEAR(deviation(means[0]), std::sqrt(0.2 * 0.8 / 100), 0.003);
}

TEST(BootstrapTest, DifferencesArePaired) {
  // Two systems that differ by one hit everywhere equal: their difference has no spread although each one has.
  ClusterSums a(1000, 0), b(1000, 1), counts(1000, 2);
  for (std::size_t i = 0; i < a.size(); i += 2) a[i] = 1, b[i] = 2;
  const auto means = bootstrap_means(std::vector<ClusterSums>{a, b}, counts, 200, 3, 2);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_NEAR(means[1][i] - means[0][i], 0.5, 1e-9);
  EXPECT_GT(deviation(means[0]), 0.005);
}

TEST(BootstrapTest, DoesNotDependOnThreads) {
  Random random(4);
  ClusterSums hits, counts;
  for (int i = 0; i < 5000; ++i) {
    counts.push_back(static_cast<float>(1 + random.below(5)));
    hits.push_back(static_cast<float>(random.below(2)));
  }
  EXPECT_EQ(bootstrap_means(std::vector<ClusterSums>{hits}, counts, 100, 5, 1),
            bootstrap_means(std::vector<ClusterSums>{hits}, counts, 100, 5, 2));
}

TEST(BootstrapTest, RejectsRowsOfUnequalLength) {
  EXPECT_THROW(bootstrap_means(std::vector<ClusterSums>{ClusterSums(3)}, ClusterSums(4), 10, 1, 1),
               std::invalid_argument);
}

TEST(PercentileIntervalTest, InterpolatesOrderStatistics) {
  std::vector<double> samples(101);
  std::iota(samples.begin(), samples.end(), 0.0);
  const auto interval = percentile_interval(samples, 0.9);
  EXPECT_DOUBLE_EQ(interval.low, 5);
  EXPECT_DOUBLE_EQ(interval.high, 95);
}

}  // namespace
}  // namespace segue::evaluation
