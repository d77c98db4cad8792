#include "features/quantile_sketch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "support/random.h"

namespace segue::features {
namespace {

using testing::ElementsAre;

TEST(QuantileSketch, CutsIntoEqualCounts) {
  QuantileSketch sketch;
  for (int i = 1; i <= 8; ++i) sketch.add(i);
  EXPECT_THAT(sketch.bounds(4), ElementsAre(2, 4, 6));
}

TEST(QuantileSketch, NeverRepeatsABound) {
  QuantileSketch sketch;
  for (int i = 0; i < 90; ++i) sketch.add(0);
  for (int i = 0; i < 10; ++i) sketch.add(1 + i);
  const auto bounds = sketch.bounds(4);
  EXPECT_THAT(bounds, ElementsAre(0));
  EXPECT_TRUE(QuantileSketch().bounds(4).empty());
}

TEST(QuantileSketch, StaysNearAndFreeOfOrderBeyondItsMemory) {
  Random random(5);
  std::vector<double> values;
  for (std::size_t i = 0; i < QuantileSketch::kMaxDistinct + 40'000; ++i) values.push_back(random.uniform());
  QuantileSketch forward, shuffled;
  for (const double value : values) forward.add(value);
  random.shuffle(values);
  for (const double value : values) shuffled.add(value);
  EXPECT_EQ(forward.bounds(16), shuffled.bounds(16));
  EXPECT_NEAR(forward.bounds(4)[1], 0.5, 0.005);  // five deviations of the sample's own median
}

}  // namespace
}  // namespace segue::features
