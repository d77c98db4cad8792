#pragma once

#include "tests/ptx/decoder.h"

namespace segue::ptx {

/// A binary format narrower than double.
struct FloatFormat {
  int significand_bits;            ///< with the hidden one
  int min_exponent, max_exponent;  ///< of normal numbers, as 2^e
  u32 exponent_bits;
};
inline constexpr FloatFormat kHalf{11, -14, 15, 5};
inline constexpr FloatFormat kBfloat{8, -126, 127, 8};
inline constexpr FloatFormat kTfloat{11, -126, 127, 8};
inline constexpr FloatFormat kSingle{24, -126, 127, 8};

enum class RoundTo : u8 { kNearestEven, kNearestAway, kZero, kDown, kUp };

/// `value`, which may be the result of rounding to odd, in the format. Overflow gives infinity or the largest number,
/// as the mode says. NaN stays NaN.
double rounded(double value, const FloatFormat& format, RoundTo mode);

u16 half_bits(double value, RoundTo mode = RoundTo::kNearestEven);
u16 bfloat_bits(double value, RoundTo mode = RoundTo::kNearestEven);
double half_value(u16 bits);
double bfloat_value(u16 bits);

/// a * b + c without the error of two roundings when the result is rounded once more to a format of at most 24 bits.
double fused_to_odd(double a, double b, double c);

enum class HalfOperation : u8 {
  kAdd,
  kSubtract,
  kMultiply,
  kFma,
  kMinimum,
  kMaximum,
  kNegate,
  kAbsolute,
  kPowerOfTwo,
  kTanh,
  kUnknown
};
/// Decodes the rest of an instruction whose type is f16, f16x2, bf16 or bf16x2.
void decode_half(Decoder& d, HalfOperation operation);

}  // namespace segue::ptx
