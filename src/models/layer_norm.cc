#include "models/layer_norm.h"

#include <cmath>

#include "support/instruction_sets.h"

namespace segue::models {
namespace {

constexpr std::int64_t kLanes = 8;
using Doubles = double __attribute__((vector_size(64)));
using LooseFloats = float __attribute__((vector_size(32), aligned(4)));

SEGUE_INLINE double sum_of_lanes(const Doubles& lanes) {
  double sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  return sum;
}

/// Sum of (x - shift)^kPower.
template <int kPower>
SEGUE_INLINE double sum_of(const float* x, std::int64_t width, double shift) {
  Doubles lanes{};
  std::int64_t j = 0;
  for (; j + kLanes <= width; j += kLanes) {
    const Doubles d = __builtin_convertvector(*reinterpret_cast<const LooseFloats*>(x + j), Doubles) - shift;
    lanes += kPower == 1 ? d : d * d;
  }
  double sum = sum_of_lanes(lanes);
  for (; j < width; ++j) {
    const double d = static_cast<double>(x[j]) - shift;
    sum += kPower == 1 ? d : d * d;
  }
  return sum;
}

}  // namespace

SEGUE_CLONES void layer_norm(float* x, std::int64_t n_rows, std::int64_t width, const float* weight,
                             const float* bias) {
  for (std::int64_t row = 0; row < n_rows; ++row, x += width) {
    const double mean = sum_of<1>(x, width, 0) / static_cast<double>(width);
    const double variance = sum_of<2>(x, width, mean) / static_cast<double>(width);
    const auto scale = static_cast<float>(1 / std::sqrt(variance + 1e-5));
    const auto center = static_cast<float>(mean);
    for (std::int64_t j = 0; j < width; ++j) x[j] = (x[j] - center) * scale * weight[j] + bias[j];
  }
}

}  // namespace segue::models
