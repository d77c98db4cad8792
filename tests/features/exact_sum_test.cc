#include "features/exact_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/random.h"

namespace segue::features {
namespace {

TEST(ExactSum, LosesNothingToCancellation) {
  ExactSum sum;
  for (const double value : {1e16, 1.0, -1e16, 1e-10}) sum.add(value);
  EXPECT_EQ(static_cast<double>(sum.value()), 1.0 + 1e-10);
}

TEST(ExactSum, DoesNotDependOnTheOrder) {
  Random random(3);
  std::vector<double> values;
  for (int i = 0; i < 5000; ++i) values.push_back(random.normal() * std::pow(10.0, random.uniform() * 20 - 10));
  ExactSum forward, shuffled;
  for (const double value : values) forward.add(value);
  random.shuffle(values);
  for (const double value : values) shuffled.add(value);
  EXPECT_EQ(forward.value(), shuffled.value());
}

}  // namespace
}  // namespace segue::features
