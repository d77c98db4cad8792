#include "training/frequency_estimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "support/random.h"
#include "training/negative_sampler.h"

namespace segue::training {
namespace {

constexpr std::int64_t kItems = 2000;

std::vector<std::int64_t> power_law() {
  std::vector<std::int64_t> counts;
  for (std::int64_t j = 0; j < kItems; ++j) counts.push_back(1 + 100'000 / (j + 10));
  return counts;
}

/// Mean over examples of |estimate - p| / p after 400,000 of them.
double error(int n_hashes, std::int64_t n_buckets) {
  const NegativeSampler stream(power_law(), 1.0);
  FrequencyEstimator estimator(n_hashes, n_buckets, 0.01);
  for (std::uint64_t block = 0; block < 100; ++block) estimator.observe(stream.draw(4000, 7, block));
  double sum = 0;
  for (std::int64_t item = 0; item < kItems; ++item) {
    const double p = stream.probability(item);
    sum += p * std::abs(estimator.probability(item) - p) / p;
  }
  return sum;
}

TEST(FrequencyEstimator, FourHashesForgiveCollisionsThatOneDoesNot) {
  const double four = error(4, 2 * kItems), one = error(1, 2 * kItems), alone = error(1, 400 * kItems);
  std::printf("relative error of a share: four hashes %.3f, one %.3f, without collisions %.3f\n", four, one, alone);
  EXPECT_GT(one, 3 * four);
  EXPECT_LT(four, 1.1 * alone);  // what is left is the noise of averaging some hundred gaps
}

TEST(FrequencyEstimator, FollowsAnItemThatComesMoreOften) {
  FrequencyEstimator estimator(4, 1024, 0.05);
  std::vector<std::int64_t> every_tenth, every_second;
  for (int i = 0; i < 2000; ++i) every_tenth.push_back(i % 10 == 0 ? 1 : 2);
  for (int i = 0; i < 2000; ++i) every_second.push_back(i % 2 == 0 ? 1 : 2);
  estimator.observe(every_tenth);
  EXPECT_NEAR(estimator.probability(1), 0.1, 0.002);
  estimator.observe(every_second);
  EXPECT_NEAR(estimator.probability(1), 0.5, 0.01);
  EXPECT_NEAR(estimator.probability(999), 1.0 / 4001, 1e-9);  // never met
}

TEST(FrequencyEstimator, RefusesWhatCannotWork) {
  EXPECT_THROW(FrequencyEstimator(0, 10, 0.1), std::invalid_argument);
  EXPECT_THROW(FrequencyEstimator(1, 0, 0.1), std::invalid_argument);
  EXPECT_THROW(FrequencyEstimator(1, 10, 0), std::invalid_argument);
}

}  // namespace
}  // namespace segue::training
