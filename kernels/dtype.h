#pragma once

#include <cstdint>

#include "kernels/host_device.h"

namespace segue::kernels {

/// How the elements of item vectors are stored.
enum class DType {
  kFloat32,
  kBFloat16,  ///< the upper half of a float32
  kFloat16,   ///< IEEE binary16
  kInt8,      ///< levels: an element is level * the scale of its row
};

/// Bytes of one element.
SEGUE_HOST_DEVICE constexpr std::int64_t bytes_of(DType dtype) {
  return dtype == DType::kFloat32 ? 4 : dtype == DType::kInt8 ? 1 : 2;
}
const char* name_of(DType dtype);  ///< "float32", "bfloat16", "float16", "int8"

struct BFloat16 {
  std::uint16_t bits;
};
struct Float16 {
  std::uint16_t bits;
};

// To 16 bits: round to nearest, ties to even; beyond the largest value to infinity; a NaN stays one, of the same sign.
BFloat16 to_bfloat16(float value);
Float16 to_float16(float value);

// From 16 bits: exact, also for subnormals. Which bits a NaN gets is not defined.
float to_float32(BFloat16 value);
float to_float32(Float16 value);

/// Int8 levels of a row of `n` values, in -127 .. 127, and the scale that they are to be multiplied by:
///     scale = max |value| / 127 in float32;  level = value / scale in float64, rounded to nearest, ties to even
/// Scale 0, and levels 0, where every value is 0 or the scale underflows to 0; a subnormal scale is coarse, and levels
/// stop at 127. A row that is not finite has the scale NaN and levels 0, so that every score made of it is NaN.
/// @returns the scale
float to_int8(const float* values, std::int64_t n, std::int8_t* levels);

}  // namespace segue::kernels
