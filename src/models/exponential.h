#pragma once

#include <bit>
#include <cstdint>

#include "support/instruction_sets.h"

namespace segue::models {

/// 2^k e^r - 1 where x = k ln 2 + r, |r| <= ln 2 / 2. Taylor's series to r^7 (remainder below 6e-9); x must lie in
/// [-87, 87].
SEGUE_INLINE float expm1_bounded(float x) {
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kLn2High = 0.693145751953125F;  // exact in 15 bits, so that k times it is exact
  constexpr float kLn2Low = 1.42860682030941723e-6F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  const float k = (x * kLog2E + kRound) - kRound;
  const float r = (x - k * kLn2High) - k * kLn2Low;
  float p = 1.0F / 5040;
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r * r + r;
  const float power = std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
  return power * p + (power - 1.0F);
}

}  // namespace segue::models
