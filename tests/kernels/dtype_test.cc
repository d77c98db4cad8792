#include "kernels/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace segue::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kMax = std::numeric_limits<float>::max();
constexpr float kLeast = 0x1p-149F;  // the least subnormal

float float_of(std::uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

TEST(DType, RoundsToBFloat16) {
  const struct {
    float value;
    std::uint16_t bits;
  } by_hand[] = {{0.0F, 0x0000},
                 {-0.0F, 0x8000},
                 {1.0F, 0x3F80},
                 {-2.0F, 0xC000},
                 {1.0F + 0x1p-8F, 0x3F80},             // half way: to even, down
                 {1.0F + 0x3p-8F, 0x3F82},             // half way: to even, up
                 {1.0F + 0x1p-8F + 0x1p-20F, 0x3F81},  // above half way
                 {1.0F + 0x1p-8F - 0x1p-20F, 0x3F80},  // below
                 {2.0F - 0x1p-9F, 0x4000},             // into the next exponent
                 {float_of(0x7F7F'0000U), 0x7F7F},     // the largest
                 {float_of(0x7F7F'7FFFU), 0x7F7F},
                 {float_of(0x7F7F'8000U), 0x7F80},  // half way to what would be next: infinity
                 {-kMax, 0xFF80},
                 {kInfinity, 0x7F80},
                 {0x1p-133F, 0x0001},  // the least subnormal
                 {0x1p-134F, 0x0000},
                 {0x3p-134F, 0x0002},
                 {-kLeast, 0x8000},
                 {float_of(0x007F'FFFFU), 0x0080}};  // a subnormal that becomes normal
  for (const auto& [value, bits] : by_hand) EXPECT_EQ(to_bfloat16(value).bits, bits) << value;
  EXPECT_EQ(to_bfloat16(float_of(0x7F80'0001U)).bits, 0x7FC0);  // a NaN that would lose all its bits
  EXPECT_EQ(to_bfloat16(float_of(0xFFFF'FFFFU)).bits, 0xFFFF);  // one whose bits would carry into the sign
}

TEST(DType, RoundsToFloat16) {
  const struct {
    float value;
    std::uint16_t bits;
  } by_hand[] = {{0.0F, 0x0000},
                 {-0.0F, 0x8000},
                 {1.0F, 0x3C00},
                 {-2.0F, 0xC000},
                 {0.1F, 0x2E66},
                 {1.0F / 3, 0x3555},
                 {1.0F + 0x1p-11F, 0x3C00},  // half way: to even, down
                 {1.0F + 0x3p-11F, 0x3C02},  // half way: to even, up
                 {1.0F + 0x1p-11F + 0x1p-20F, 0x3C01},
                 {65504.0F, 0x7BFF},  // the largest
                 {65519.996F, 0x7BFF},
                 {65520.0F, 0x7C00},  // half way to what would be next: infinity
                 {-1e30F, 0xFC00},
                 {-kInfinity, 0xFC00},
                 {0x1p-14F, 0x0400},  // the least normal
                 {0x1p-24F, 0x0001},  // the least subnormal
                 {0x1p-25F, 0x0000},
                 {0x1.8p-25F, 0x0001},
                 {0x3p-25F, 0x0002},
                 {-1023 * 0x1p-24F, 0x83FF},  // the largest subnormal, negative
                 {0x7FFp-25F, 0x0400},        // 1023.5 of the least subnormal: half way, into the normal ones
                 {1e-10F, 0x0000},
                 {kLeast, 0x0000}};
  for (const auto& [value, bits] : by_hand) EXPECT_EQ(to_float16(value).bits, bits) << value;
  EXPECT_EQ(to_float16(float_of(0x7F80'0001U)).bits, 0x7E00);
  EXPECT_EQ(to_float16(float_of(0xFFC0'0000U)).bits, 0xFE00);
}

TEST(DType, WidensByHand) {
  EXPECT_EQ(to_float32(BFloat16{0x3F81}), 1.0078125F);
  EXPECT_EQ(to_float32(BFloat16{0x0001}), 0x1p-133F);
  EXPECT_EQ(to_float32(BFloat16{0xFF80}), -kInfinity);
  EXPECT_TRUE(std::isnan(to_float32(BFloat16{0x7F81})));
  EXPECT_EQ(to_float32(Float16{0x3555}), 0.333251953125F);
  EXPECT_EQ(to_float32(Float16{0x0001}), 0x1p-24F);
  EXPECT_EQ(to_float32(Float16{0x83FF}), -1023 * 0x1p-24F);
  EXPECT_EQ(to_float32(Float16{0x7BFF}), 65504.0F);
  EXPECT_EQ(to_float32(Float16{0x7C00}), kInfinity);
  EXPECT_TRUE(std::isnan(to_float32(Float16{0x7C01})));
  EXPECT_TRUE(std::signbit(to_float32(Float16{0x8000})));
}

TEST(DType, EveryValueOf16BitsComesBack) {
  for (std::uint32_t bits = 0; bits < 0x1'0000U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float brain = to_float32(BFloat16{half});
    if (!std::isnan(brain)) {
      ASSERT_EQ(to_bfloat16(brain).bits, half);
    }
    const float ieee = to_float32(Float16{half});
    if (!std::isnan(ieee)) {
      ASSERT_EQ(to_float16(ieee).bits, half);
    }
    ASSERT_EQ(std::isnan(ieee), (half & 0x7FFF) > 0x7C00);
    ASSERT_EQ(std::isnan(brain), (half & 0x7FFF) > 0x7F80);
  }
}

TEST(DType, RoundsToTheNearestOfTwoNeighbours) {
  std::mt19937 random(70);
  for (int i = 0; i < 100'000; ++i) {
    const float value = float_of(static_cast<std::uint32_t>(random()) & 0x7FFF'FFFFU);
    if (!(value < 65504.0F)) continue;
    const std::uint16_t rounded = to_float16(value).bits;
    const auto error = [&](int bits) {
      return std::fabs(static_cast<double>(to_float32(Float16{static_cast<std::uint16_t>(bits)})) - value);
    };
    for (const int other : {rounded - 1, rounded + 1}) {
      if (other < 0) continue;
      ASSERT_LE(error(rounded), error(other)) << value;
      if (error(rounded) == error(other)) {
        ASSERT_EQ(rounded % 2, 0) << value;
      }
    }
  }
}

TEST(DType, QuantisesByHand) {
  const auto quantised = [](const std::vector<float>& values) {
    std::pair<std::vector<std::int8_t>, float> made(std::vector<std::int8_t>(values.size(), 99), -1.0F);
    made.second = to_int8(values.data(), static_cast<std::int64_t>(values.size()), made.first.data());
    return made;
  };
  using Levels = std::vector<std::int8_t>;
  // The scale is 1: levels are the values, halves to even.
  EXPECT_EQ(quantised({-127, 63.5F, -62.5F, 0.5F, -1.5F, 0.51F}),
            std::make_pair(Levels{-127, 64, -62, 0, -2, 1}, 1.0F));
  EXPECT_EQ(quantised({0.25F, -254}), std::make_pair(Levels{0, -127}, 2.0F));
  EXPECT_EQ(quantised({0, -0.0F}), std::make_pair(Levels{0, 0}, 0.0F));
  EXPECT_EQ(quantised({}), std::make_pair(Levels{}, 0.0F));
  EXPECT_EQ(quantised({3}), std::make_pair(Levels{127}, 3.0F / 127));
  EXPECT_EQ(quantised({kMax, -kMax}), std::make_pair(Levels{127, -127}, kMax / 127));
  // 1/127 of the least subnormal is 0; 180/127 of it rounds to 1, and 180 levels are more than there are.
  EXPECT_EQ(quantised({kLeast}), std::make_pair(Levels{0}, 0.0F));
  EXPECT_EQ(quantised({180 * kLeast, -90 * kLeast}), std::make_pair(Levels{127, -90}, kLeast));
  for (const float odd : {kNan, kInfinity, -kInfinity}) {
    const auto [levels, scale] = quantised({1, odd, 2});
    EXPECT_TRUE(std::isnan(scale)) << odd;
    EXPECT_EQ(levels, (Levels{0, 0, 0})) << odd;
  }
}

}  // namespace
}  // namespace segue::kernels
