#include "models/packed_linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/random.h"

namespace segue::models {
namespace {

TEST(PackedLinear, ARowIsTheSameBitsAmongAnyNumberOfRows) {
  Random random(8);
  constexpr std::int64_t kIn = 19, kRows = 27;
  for (const std::int64_t n_out : {1, 5, 31, 32, 33, 96, 100}) {
    std::vector<float> weight(static_cast<std::size_t>(n_out * kIn)), bias(static_cast<std::size_t>(n_out)),
        x(static_cast<std::size_t>(kRows * kIn));
    for (auto* values : {&weight, &bias, &x})
      for (float& value : *values) value = static_cast<float>(random.normal());
    const PackedLinear linear(weight.data(), bias.data(), n_out, kIn);
    std::vector<float> alone(static_cast<std::size_t>(kRows * n_out));
    for (std::int64_t row = 0; row < kRows; ++row) {
      linear.apply(x.data() + row * kIn, 1, alone.data() + row * n_out);
      for (std::int64_t o = 0; o < n_out; ++o) {
        auto expected = static_cast<double>(bias[static_cast<std::size_t>(o)]);
        for (std::int64_t i = 0; i < kIn; ++i) {
          expected += static_cast<double>(weight[static_cast<std::size_t>(o * kIn + i)]) *
                      static_cast<double>(x[static_cast<std::size_t>(row * kIn + i)]);
        }
        ASSERT_NEAR(alone[static_cast<std::size_t>(row * n_out + o)], expected, 1e-5);
      }
    }
    for (std::int64_t n_rows = 1; n_rows <= kRows; ++n_rows) {
      std::vector<float> together(static_cast<std::size_t>(n_rows * n_out));
      linear.apply(x.data(), n_rows, together.data());
      ASSERT_TRUE(std::equal(together.begin(), together.end(), alone.begin())) << n_rows << " rows";
    }
  }
}

}  // namespace
}  // namespace segue::models
