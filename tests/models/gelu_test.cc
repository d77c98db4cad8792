#include "models/gelu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace segue::models {
namespace {

TEST(Gelu, IsAccurate) {
  std::vector<float> x;
  for (int i = -120'000; i <= 120'000; ++i) x.push_back(static_cast<float>(i) * 1e-4F);
  for (float tiny = 1e-30F; tiny < 0.1F; tiny *= 1.37F) x.insert(x.end(), {tiny, -tiny});
  std::vector<float> y = x;
  gelu(y.data(), static_cast<std::int64_t>(y.size()));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto exact_x = static_cast<double>(x[i]);
    const double exact = exact_x / 2 * (1 + std::erf(exact_x / std::sqrt(2.0)));
    // Below zero 1 + erf cancels, there and in any form that adds the two in float.
    worst = std::max(worst, std::abs(static_cast<double>(y[i]) - exact) / (1e-30 + std::abs(exact_x)));
  }
  EXPECT_LT(worst, 1.5e-7);
}

TEST(Gelu, ExtremesAndNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> x{0, kInfinity, 1e30F, -1e3F, std::nanf("")};
  gelu(x.data(), 5);
  EXPECT_EQ(x[0], 0);
  EXPECT_EQ(x[1], kInfinity);
  EXPECT_EQ(x[2], 1e30F);
  EXPECT_EQ(x[3], 0);
  EXPECT_TRUE(std::isnan(x[4]));
}

TEST(Gelu, TheBitsDoNotDependOnThePlace) {
  std::vector<float> expected;
  for (int i = 0; i < 100; ++i) expected.push_back(static_cast<float>(i - 50) * 0.0837F);
  const std::vector<float> x = expected;
  for (float& value : expected) gelu(&value, 1);
  for (std::size_t first = 0; first < 40; ++first) {
    for (std::size_t n = 1; n <= 60; ++n) {
      std::vector<float> y(x.begin(), x.end());
      gelu(y.data() + first, static_cast<std::int64_t>(n));
      for (std::size_t i = first; i < first + n; ++i) ASSERT_EQ(y[i], expected[i]) << first << " " << n << " " << i;
    }
  }
}

}  // namespace
}  // namespace segue::models
