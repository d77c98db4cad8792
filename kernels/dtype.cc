#include "kernels/dtype.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace segue::kernels {
namespace {

constexpr std::uint32_t kMagnitude = 0x7FFF'FFFFU;
constexpr std::uint32_t kInfinity = 0x7F80'0000U;

std::uint32_t bits_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

float float_of(std::uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Drops the lower `n_bits`, to nearest, ties to even. A carry into the exponent is right: the next value has it.
std::uint32_t round_off(std::uint32_t bits, int n_bits) {
  const std::uint32_t below_half = (1U << (n_bits - 1)) - 1U;
  return (bits + below_half + ((bits >> n_bits) & 1U)) >> n_bits;
}

}  // namespace

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "float32";
    case DType::kBFloat16: return "bfloat16";
    case DType::kFloat16: return "float16";
    case DType::kInt8: return "int8";
  }
  return "";
}

BFloat16 to_bfloat16(float value) {
  constexpr std::uint32_t kQuiet = 0x40U;
  const std::uint32_t bits = bits_of(value);
  if ((bits & kMagnitude) > kInfinity) return {static_cast<std::uint16_t>((bits >> 16) | kQuiet)};
  return {static_cast<std::uint16_t>(round_off(bits, 16))};
}

Float16 to_float16(float value) {
  constexpr std::uint32_t kLeastNormal = 0x3880'0000U;       // 2^-14
  constexpr std::uint32_t kRoundsToInfinity = 0x477F'F000U;  // 65520, half way from the largest value
  constexpr std::uint32_t kExponentShift = 112U << 10;       // 127 - 15, in place
  const std::uint32_t sign = (bits_of(value) >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits_of(value) & kMagnitude;
  std::uint32_t rounded = 0;
  if (magnitude > kInfinity) {
    rounded = 0x7E00U;
  } else if (magnitude >= kRoundsToInfinity) {
    rounded = 0x7C00U;
  } else if (magnitude >= kLeastNormal) {
    rounded = round_off(magnitude, 13) - kExponentShift;
  } else {
    rounded = static_cast<std::uint32_t>(std::nearbyint(float_of(magnitude) * 0x1p24F));  // in the least subnormals
  }
  return {static_cast<std::uint16_t>(sign | rounded)};
}

float to_float32(BFloat16 value) { return float_of(static_cast<std::uint32_t>(value.bits) << 16); }

float to_float32(Float16 value) {
  const std::uint32_t sign = (value.bits & 0x8000U) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 0x1FU;
  const std::uint32_t fraction = value.bits & 0x3FFU;
  if (exponent == 0) return float_of(sign | bits_of(static_cast<float>(fraction) * 0x1p-24F));
  const std::uint32_t widened = exponent == 0x1FU ? kInfinity : (exponent + 112U) << 23;
  return float_of(sign | widened | (fraction << 13));
}

float to_int8(const float* values, std::int64_t n, std::int8_t* levels) {
  constexpr float kLevels = 127;
  float largest = 0;
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) {
    finite = finite && std::isfinite(values[i]);
    largest = std::max(largest, std::fabs(values[i]));
  }
  const float scale = finite ? largest / kLevels : std::numeric_limits<float>::quiet_NaN();
  if (!(scale > 0)) {
    std::fill_n(levels, n, std::int8_t{0});
    return scale;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const double level = std::nearbyint(static_cast<double>(values[i]) / scale);
    levels[i] = static_cast<std::int8_t>(std::clamp<double>(level, -kLevels, kLevels));
  }
  return scale;
}

}  // namespace segue::kernels
