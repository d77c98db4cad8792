#include "training/negative_sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace segue::training {
namespace {

TEST(NegativeSampler, DrawsByPopularityToThePower) {
  const std::vector<std::int64_t> counts = {16, 0, 1, 81, 4};
  const NegativeSampler sampler(counts, 0.5);  // weights 4, 0, 1, 9, 2 of 16
  EXPECT_DOUBLE_EQ(sampler.probability(3), 9.0 / 16);
  EXPECT_EQ(sampler.probability(1), 0.0);
  constexpr std::int64_t kDraws = 160'000;
  std::vector<double> seen(5);
  for (const auto item : sampler.draw(kDraws, 7, 1)) seen[static_cast<std::size_t>(item)] += 1;
  EXPECT_EQ(seen[1], 0);
  for (std::size_t i = 0; i < 5; ++i) {
    const double p = sampler.probability(static_cast<std::int64_t>(i));
    EXPECT_NEAR(seen[i] / kDraws, p, 5 * std::sqrt(p * (1 - p) / kDraws)) << i;
  }
}

TEST(NegativeSampler, SeedAndStepDecide) {
  const NegativeSampler sampler(std::vector<std::int64_t>(100, 3), 1.0);
  EXPECT_EQ(sampler.draw(50, 1, 2), sampler.draw(50, 1, 2));
  EXPECT_NE(sampler.draw(50, 1, 2), sampler.draw(50, 1, 3));
  EXPECT_NE(sampler.draw(50, 1, 2), sampler.draw(50, 2, 2));
}

TEST(NegativeSampler, OneItemAndNone) {
  const std::vector<std::int64_t> one = {5}, none = {0, 0};
  EXPECT_EQ(NegativeSampler(one, 0.3).draw(3, 1, 1), (std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_THROW(NegativeSampler(none, 1.0), std::invalid_argument);
}

}  // namespace
}  // namespace segue::training
