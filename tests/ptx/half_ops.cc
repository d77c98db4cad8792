// f16 and bf16, one value or two in a register.

#include <cmath>

#include "tests/ptx/elementwise.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {

double rounded(double value, const FloatFormat& format, RoundTo mode) {
  if (value == 0 || !std::isfinite(value)) return value;
  int exponent = 0;
  std::frexp(value, &exponent);  // value = m * 2^exponent with 0.5 <= |m| < 1
  const int unit_exponent =
      std::max(exponent - format.significand_bits, format.min_exponent - format.significand_bits + 1);
  const double scaled = std::ldexp(value, -unit_exponent);  // exact: double has more range than any of the formats
  double whole = std::trunc(scaled);
  const double rest = std::fabs(scaled - whole);
  const double away = value < 0 ? -1 : 1;
  bool goes_away = false;
  switch (mode) {
    case RoundTo::kNearestEven: goes_away = rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2) != 0); break;
    case RoundTo::kNearestAway: goes_away = rest >= 0.5; break;
    case RoundTo::kZero: break;
    case RoundTo::kDown: goes_away = rest > 0 && value < 0; break;
    case RoundTo::kUp: goes_away = rest > 0 && value > 0; break;
  }
  if (goes_away) whole += away;
  const double result = std::ldexp(whole, unit_exponent);
  if (whole == 0) return std::copysign(0.0, value);
  const double largest = std::ldexp(2.0 - std::ldexp(1.0, 1 - format.significand_bits), format.max_exponent);
  if (std::fabs(result) <= largest) return result;
  const bool stays =
      mode == RoundTo::kZero || (mode == RoundTo::kDown && value > 0) || (mode == RoundTo::kUp && value < 0);
  return std::copysign(stays ? largest : INFINITY, value);
}

namespace {

u16 bits_of(double value, const FloatFormat& format, RoundTo mode) {
  const int fraction_bits = format.significand_bits - 1;
  const u32 exponent_ones = (1U << format.exponent_bits) - 1;
  if (value != value) return 0x7FFF;
  value = rounded(value, format, mode);
  const u32 sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isinf(value)) return static_cast<u16>(sign | exponent_ones << fraction_bits);
  if (value == 0) return static_cast<u16>(sign);
  int exponent = 0;
  std::frexp(value, &exponent);
  --exponent;
  const int unit = std::max(exponent, format.min_exponent) - fraction_bits;
  const auto significand = static_cast<u32>(std::fabs(std::ldexp(value, -unit)));
  const u32 biased = exponent < format.min_exponent ? 0 : static_cast<u32>(exponent - format.min_exponent + 1);
  return static_cast<u16>(sign | (biased << fraction_bits) | (significand & ((1U << fraction_bits) - 1)));
}

double value_of(u16 bits, const FloatFormat& format) {
  const int fraction_bits = format.significand_bits - 1;
  const u32 exponent_ones = (1U << format.exponent_bits) - 1;
  const u32 exponent = bits >> fraction_bits & exponent_ones;
  const u32 fraction = bits & ((1U << fraction_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == exponent_ones) return fraction != 0 ? NAN : sign * INFINITY;
  const u32 significand = exponent == 0 ? fraction : fraction | 1U << fraction_bits;
  const int power = (exponent == 0 ? 1 : static_cast<int>(exponent)) - 1 + format.min_exponent - fraction_bits;
  return sign * std::ldexp(static_cast<double>(significand), power);
}

}  // namespace

u16 half_bits(double value, RoundTo mode) { return bits_of(value, kHalf, mode); }
u16 bfloat_bits(double value, RoundTo mode) { return bits_of(value, kBfloat, mode); }
double half_value(u16 bits) { return value_of(bits, kHalf); }
double bfloat_value(u16 bits) { return bits_as<float>(static_cast<u32>(bits) << 16); }

double fused_to_odd(double a, double b, double c) {
  const double product = a * b;  // exact for factors of up to 26 bits
  const double sum = product + c;
  if (!std::isfinite(sum)) return sum;
  const double c_part = sum - product;
  const double error = (product - (sum - c_part)) + (c - c_part);
  if (error == 0 || (bits_as<u64>(sum) & 1) != 0) return sum;
  return std::nextafter(sum, error > 0 ? INFINITY : -INFINITY);
}

namespace {

enum Option : u8 { kFlush = 1, kSaturate = 2, kPropagateNan = 4, kRelu = 8, kIsBfloat = 16, kXorSign = 32 };

double in_format(u16 bits, u8 option) {
  const bool is_denormal = (option & kIsBfloat) != 0 ? (bits & 0x7F80) == 0 : (bits & 0x7C00) == 0;
  if ((option & kFlush) != 0 && is_denormal) bits &= 0x8000;
  return (option & kIsBfloat) != 0 ? bfloat_value(bits) : half_value(bits);
}

double smaller(double a, double b, bool maximum) {
  if (a != a) return b;
  if (b != b) return a;
  if (a == b) return std::signbit(a) == maximum ? b : a;
  return (a < b) == maximum ? b : a;
}

u16 compute(HalfOperation operation, u16 a_bits, u16 b_bits, u16 c_bits, u8 option) {
  if (operation == HalfOperation::kNegate || operation == HalfOperation::kAbsolute) {
    const bool is_denormal = (option & kIsBfloat) != 0 ? (a_bits & 0x7F80) == 0 : (a_bits & 0x7C00) == 0;
    if ((option & kFlush) != 0 && is_denormal) a_bits &= 0x8000;
    return static_cast<u16>(operation == HalfOperation::kNegate ? a_bits ^ 0x8000 : a_bits & 0x7FFF);
  }
  const double a = in_format(a_bits, option), b = in_format(b_bits, option), c = in_format(c_bits, option);
  double result = 0;
  switch (operation) {
    case HalfOperation::kAdd: result = fused_to_odd(a, 1, b); break;
    case HalfOperation::kSubtract: result = fused_to_odd(a, 1, -b); break;
    case HalfOperation::kMultiply: result = a * b; break;
    case HalfOperation::kFma: result = fused_to_odd(a, b, c); break;
    case HalfOperation::kMinimum: result = smaller(a, b, false); break;
    case HalfOperation::kMaximum: result = smaller(a, b, true); break;
    case HalfOperation::kPowerOfTwo: result = std::exp2(a); break;
    case HalfOperation::kTanh: result = std::tanh(a); break;
    default: break;
  }
  if ((option & kPropagateNan) != 0 && (a != a || b != b)) result = NAN;
  if ((option & kXorSign) != 0) result = std::copysign(result, std::signbit(a) != std::signbit(b) ? -1.0 : 1.0);
  if ((option & kSaturate) != 0) result = result > 0 ? std::fmin(result, 1.0) : 0.0;
  if ((option & kRelu) != 0) result = result < 0 ? 0.0 : result;
  u16 bits = (option & kIsBfloat) != 0 ? bfloat_bits(result) : half_bits(result);
  if ((option & kFlush) != 0 && (bits & ((option & kIsBfloat) != 0 ? 0x7F80 : 0x7C00)) == 0) bits &= 0x8000;
  return bits;
}

/// `width` 2: one value; 4: two.
void execute_half(Warp& warp, const Instruction& instruction, u32 mask) {
  const auto operation = static_cast<HalfOperation>(instruction.option2);
  const auto in = [&](int operand, int lane) -> u32 {
    if (operand >= instruction.n_operands) return 0;
    return instruction.width == 2 ? warp.at<u16>(instruction.operands[operand])[lane]
                                  : warp.at<u32>(instruction.operands[operand])[lane];
  };
  for_each_lane(mask, [&](int lane) {
    const u32 a = in(1, lane), b = in(2, lane), c = in(3, lane);
    const auto half = [](u32 both, int which) { return static_cast<u16>(both >> (16 * which)); };
    const u16 low = compute(operation, half(a, 0), half(b, 0), half(c, 0), instruction.option);
    if (instruction.width == 2) {
      warp.at<u16>(instruction.operands[0])[lane] = low;
      return;
    }
    const u16 high = compute(operation, half(a, 1), half(b, 1), half(c, 1), instruction.option);
    warp.at<u32>(instruction.operands[0])[lane] = u32{high} << 16 | low;
  });
}

}  // namespace

void decode_half(Decoder& d, HalfOperation operation) {
  if (operation == HalfOperation::kUnknown) d.fail("a type that this opcode does not take");
  d.accept_any({"rn", "approx", "noftz"});
  u8 option = static_cast<u8>((d.accept("ftz") ? kFlush : 0) | (d.accept("sat") ? kSaturate : 0) |
                              (d.accept("NaN") ? kPropagateNan : 0) | (d.accept("relu") ? kRelu : 0) |
                              (d.accept("xorsign") ? kXorSign : 0));
  d.accept("abs");
  const Type type = d.take_type();
  if (type == Type::kBf16 || type == Type::kBf16x2) option |= kIsBfloat;
  d.instruction().option = option;
  d.instruction().option2 = static_cast<u8>(operation);
  d.instruction().width = static_cast<u8>(width_of(type));
  const bool is_unary = operation >= HalfOperation::kNegate;
  set_same_type(d, execute_half, type,
                is_unary                           ? 2
                : operation == HalfOperation::kFma ? 4
                                                   : 3,
                InstructionClass::kFloat);
}

}  // namespace segue::ptx
