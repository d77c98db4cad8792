// What a score is. Elements are decoded and queries quantised here by arithmetic, apart from kernels/dtype.cc, so that
// tests hold two accounts of the same rules against each other.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/top_k.h"

namespace segue::kernels {
namespace {

/// The value of a 16-bit float: sign, exponent, fraction.
float decode(unsigned bits, int n_exponent_bits, int n_fraction_bits) {
  const int most = (1 << n_exponent_bits) - 1;
  const int exponent = static_cast<int>(bits >> n_fraction_bits) & most;
  const int fraction = static_cast<int>(bits) & ((1 << n_fraction_bits) - 1);
  const float sign = (bits >> 15) != 0 ? -1.0F : 1.0F;
  if (exponent == most) {
    return fraction != 0 ? std::numeric_limits<float>::quiet_NaN() : sign * std::numeric_limits<float>::infinity();
  }
  const int significand = exponent == 0 ? fraction : fraction + (1 << n_fraction_bits);
  return sign * std::ldexp(static_cast<float>(significand), std::max(exponent, 1) - most / 2 - n_fraction_bits);
}

/// Element i of a row: its value, or for int8 its level.
float element(const ItemVectors& items, std::int64_t row, std::int64_t i) {
  const std::int64_t at = row * (items.row_stride == 0 ? items.n_cols : items.row_stride) + i;
  std::uint16_t bits = 0;
  if (items.dtype == DType::kFloat32) return static_cast<const float*>(items.data)[at];
  if (items.dtype == DType::kInt8) return static_cast<const std::int8_t*>(items.data)[at];
  std::memcpy(&bits, static_cast<const char*>(items.data) + 2 * at, 2);
  return items.dtype == DType::kBFloat16 ? decode(bits, 8, 7) : decode(bits, 5, 10);
}

double round_half_to_even(double value) {
  const double below = std::floor(value);
  const double above = value - below;
  const bool even = std::fmod(below, 2.0) == 0;
  return above > 0.5 || (above == 0.5 && !even) ? below + 1 : below;
}

float int8_score(const float* query, const ItemVectors& items, std::int64_t row, float bias) {
  float largest = 0;
  for (std::int64_t i = 0; i < items.n_cols; ++i) {
    if (!std::isfinite(query[i])) return std::numeric_limits<float>::quiet_NaN();
    largest = std::max(largest, std::fabs(query[i]));
  }
  const float query_scale = largest / 127;
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < items.n_cols && query_scale != 0; ++i) {
    const double level = round_half_to_even(static_cast<double>(query[i]) / query_scale);
    sum += static_cast<std::int32_t>(std::max(-127.0, std::min(level, 127.0))) *
           static_cast<std::int32_t>(element(items, row, i));
  }
  return std::fma(static_cast<float>(sum), query_scale * items.scales[row], bias);
}

}  // namespace

float defined_score(const float* query, const float* item, std::int64_t dim, float bias) {
  float score = bias;
  for (std::int64_t i = 0; i < dim; ++i) score = std::fma(query[i], item[i], score);
  return score;
}

float defined_score(const float* query, const ItemVectors& items, std::int64_t row, float bias) {
  if (items.dtype == DType::kInt8) return int8_score(query, items, row, bias);
  float score = bias;
  for (std::int64_t i = 0; i < items.n_cols; ++i) score = std::fma(query[i], element(items, row, i), score);
  return score;
}

}  // namespace segue::kernels
