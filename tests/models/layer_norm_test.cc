#include "models/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/random.h"

namespace segue::models {
namespace {

TEST(LayerNorm, EqualsTheFormulaAndARowDoesNotSeeTheOthers) {
  Random random(7);
  for (const std::size_t width : {1, 2, 7, 8, 9, 24, 40, 128, 131}) {
    constexpr std::size_t kRows = 11;
    std::vector<float> x(kRows * width), weight(width), bias(width);
    for (float& value : x) value = static_cast<float>(3 + 2 * random.normal());
    for (float& value : weight) value = static_cast<float>(random.normal());
    for (float& value : bias) value = static_cast<float>(random.normal());
    std::vector<float> together = x;
    layer_norm(together.data(), kRows, static_cast<std::int64_t>(width), weight.data(), bias.data());
    for (std::size_t row = 0; row < kRows; ++row) {
      std::vector<float> alone(x.begin() + static_cast<std::ptrdiff_t>(row * width),
                               x.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
      double mean = 0, variance = 0;
      for (const float value : alone) mean += static_cast<double>(value) / static_cast<double>(width);
      for (const float value : alone)
        variance += std::pow(static_cast<double>(value) - mean, 2) / static_cast<double>(width);
      for (std::size_t j = 0; j < width; ++j) {
        const double expected =
            (static_cast<double>(alone[j]) - mean) / std::sqrt(variance + 1e-5) * static_cast<double>(weight[j]) +
            static_cast<double>(bias[j]);
        ASSERT_NEAR(together[row * width + j], expected, 1e-5) << width << " " << row << " " << j;
      }
      layer_norm(alone.data(), 1, static_cast<std::int64_t>(width), weight.data(), bias.data());
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + static_cast<std::ptrdiff_t>(row * width)));
    }
  }
}

TEST(LayerNorm, AConstantRowIsTheBias) {
  std::vector<float> x(24, 5.0F), bias(24, 0.25F);
  const std::vector<float> weight(24, 3.0F);
  layer_norm(x.data(), 1, 24, weight.data(), bias.data());
  EXPECT_EQ(x, bias);
}

}  // namespace
}  // namespace segue::models
