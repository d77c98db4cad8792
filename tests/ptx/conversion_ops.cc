// cvt in all combinations, and cvt.pack.

#include <cfenv>
#include <cmath>
#include <limits>

#include "tests/ptx/elementwise.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

enum Option : u8 { kSaturate = 8, kFlush = 16, kRelu = 32, kToInteger = 64, kFiniteOnly = 128 };  // bits 0-2: RoundTo

/// The bits of one lane of a register of any width.
u64 raw(const Warp& warp, const Operand& operand, int lane) {
  u64 bits = 0;
  std::memcpy(&bits, warp.at<u8>(operand) + lane * operand.width, operand.width);
  return bits;
}

void put(const Warp& warp, const Operand& operand, int lane, u64 bits) {
  std::memcpy(warp.at<u8>(operand) + lane * operand.width, &bits, operand.width);
}

i64 sign_extended(u64 bits, int width) {
  const int shift = 64 - 8 * width;
  return static_cast<i64>(bits << shift) >> shift;
}

u64 truncated(u64 bits, int width) { return width == 8 ? bits : bits & ((u64{1} << (8 * width)) - 1); }

double float_value(u64 bits, Type type) {
  switch (type) {
    case Type::kF16: return half_value(static_cast<u16>(bits));
    case Type::kBf16: return bfloat_value(static_cast<u16>(bits));
    case Type::kF32:
    case Type::kTf32: return bits_as<float>(static_cast<u32>(bits));
    default: return bits_as<double>(bits);
  }
}

/// Whole numbers by the mode: cvt.rni and its like.
double to_whole(double value, RoundTo mode) {
  if (!std::isfinite(value)) return value;
  switch (mode) {
    case RoundTo::kNearestEven: return std::nearbyint(value);
    case RoundTo::kNearestAway: return std::round(value);
    case RoundTo::kZero: return std::trunc(value);
    case RoundTo::kDown: return std::floor(value);
    default: return std::ceil(value);
  }
}

/// A double in the bits of a narrower type, or of itself.
u64 float_bits(double value, Type type, RoundTo mode) {
  switch (type) {
    case Type::kF16: return half_bits(value, mode);
    case Type::kBf16: return bfloat_bits(value, mode);
    case Type::kTf32: {
      if (value != value) return 0x7FFFFFFF;
      return bits_as<u32>(static_cast<float>(rounded(value, kTfloat, mode)));
    }
    case Type::kF32: {
      if (value != value) return 0x7FFFFFFF;
      return bits_as<u32>(static_cast<float>(rounded(value, kSingle, mode)));
    }
    default: return bits_as<u64>(value);
  }
}

/// Out of range values go to the nearest end; NaN to zero, or the top bit alone where 64 bits are concerned.
u64 integer_of_float(double value, Type type, bool from_double) {
  const int bits = 8 * width_of(type);
  if (value != value) return from_double || bits == 64 ? u64{1} << (bits - 1) : 0;
  if (is_signed(type)) {
    const double end = std::ldexp(1.0, bits - 1);
    if (value >= end) return (u64{1} << (bits - 1)) - 1;
    if (value < -end) return u64{1} << (bits - 1);
    return static_cast<u64>(static_cast<i64>(value));
  }
  const double end = std::ldexp(1.0, bits);
  if (value >= end) return bits == 64 ? ~u64{0} : (u64{1} << bits) - 1;
  return value <= 0 ? 0 : static_cast<u64>(value);
}

u64 saturated_integer(u64 bits, Type from, Type to) {
  const int width = 8 * width_of(to);
  if (is_signed(from)) {
    const i64 value = sign_extended(bits, width_of(from));
    if (is_signed(to)) {
      const i64 high = width == 64 ? INT64_MAX : (i64{1} << (width - 1)) - 1, low = -high - 1;
      return static_cast<u64>(value > high ? high : value < low ? low : value);
    }
    if (value < 0) return 0;
    bits = static_cast<u64>(value);
  }
  const u64 high = is_signed(to) ? (u64{1} << (width - 1)) - 1 : width == 64 ? ~u64{0} : (u64{1} << width) - 1;
  return bits > high ? high : bits;
}

double flush_single(double value) { return std::fabs(value) < 0x1p-126 ? std::copysign(0.0, value) : value; }

/// An integer as the nearest (or otherwise rounded) value of a float type. 64 bits are rounded once: x87's long double
/// holds them.
u64 float_of_integer(u64 bits, Type from, Type to, RoundTo mode) {
  const bool negative = is_signed(from) && sign_extended(bits, width_of(from)) < 0;
  u64 magnitude = is_signed(from) ? static_cast<u64>(sign_extended(bits, width_of(from))) : bits;
  if (negative) magnitude = 0 - magnitude;
  // To odd, in 53 bits: the next rounding, to fewer bits, is right then. To f64 the mode decides here.
  const int excess = 64 - std::countl_zero(magnitude | 1) - 53;
  double value = 0;
  if (excess <= 0) {
    value = static_cast<double>(magnitude);
  } else {
    u64 kept = magnitude >> excess;
    const u64 rest = magnitude & ((u64{1} << excess) - 1), half = u64{1} << (excess - 1);
    if (to != Type::kF64) {
      kept |= rest != 0 ? 1 : 0;
    } else {
      const bool up = mode == RoundTo::kNearestEven ? rest > half || (rest == half && (kept & 1) != 0)
                      : mode == RoundTo::kUp        ? rest != 0 && !negative
                      : mode == RoundTo::kDown      ? rest != 0 && negative
                                                    : false;
      kept += up ? 1 : 0;
    }
    value = std::ldexp(static_cast<double>(kept), excess);
  }
  return float_bits(negative ? -value : value, to, mode);
}

struct Types {
  Type to, from;
};

u64 convert(u64 bits, Types types, u8 option) {
  const auto mode = static_cast<RoundTo>(option & 7);
  const auto [to, from] = types;
  if (!is_float(from) && !is_float(to)) {
    bits = truncated(bits, width_of(from));
    if ((option & kSaturate) != 0) return saturated_integer(bits, from, to);
    return is_signed(from) ? static_cast<u64>(sign_extended(bits, width_of(from))) : bits;
  }
  if (!is_float(from)) {
    u64 result = float_of_integer(truncated(bits, width_of(from)), from, to, mode);
    if ((option & kSaturate) != 0) {
      const double value = float_value(result, to);
      result = float_bits(value > 1 ? 1 : value > 0 ? value : 0, to, mode);
    }
    return result;
  }
  double value = float_value(bits, from);
  if ((option & kFlush) != 0 && from == Type::kF32) value = flush_single(value);
  if (!is_float(to)) return integer_of_float(to_whole(value, mode), to, from == Type::kF64);
  if ((option & kToInteger) != 0) value = to_whole(value, mode);
  if ((option & kRelu) != 0) value = value < 0 ? 0.0 : value;
  if ((option & kSaturate) != 0) value = value > 1 ? 1.0 : value > 0 ? value : 0.0;
  if ((option & kFiniteOnly) != 0 && value == value) {
    const double largest = to == Type::kF16 ? 65504.0 : to == Type::kBf16 ? 0x1.FEp127 : 0x1.FFFFFEp127;
    if (std::fabs(value) > largest) value = std::copysign(largest, value);
  }
  u64 result = float_bits(value, to, mode);
  if ((option & kFlush) != 0 && to == Type::kF32) result = float_bits(flush_single(float_value(result, to)), to, mode);
  return result;
}

u64 extended(u64 bits, Type type, int register_width) {
  if (is_signed(type)) return truncated(static_cast<u64>(sign_extended(bits, width_of(type))), register_width);
  return truncated(bits, width_of(type));
}

/// option2: the source type; count: the result's.
void execute_cvt(Warp& warp, const Instruction& instruction, u32 mask) {
  const Types types{static_cast<Type>(instruction.count), static_cast<Type>(instruction.option2)};
  const Operand& to = instruction.operands[0];
  for_each_lane(mask, [&](int lane) {
    const u64 bits = convert(raw(warp, instruction.operands[1], lane), types, instruction.option);
    put(warp, to, lane, extended(bits, types.to, to.width));
  });
}

/// Two f32 into one register; the first source goes to the upper half.
void execute_cvt_pair(Warp& warp, const Instruction& instruction, u32 mask) {
  const auto to = static_cast<Type>(instruction.count) == Type::kF16x2 ? Type::kF16 : Type::kBf16;
  u32* d = warp.at<u32>(instruction.operands[0]);
  for_each_lane(mask, [&](int lane) {
    const u64 high = convert(raw(warp, instruction.operands[1], lane), {to, Type::kF32}, instruction.option);
    const u64 low = convert(raw(warp, instruction.operands[2], lane), {to, Type::kF32}, instruction.option);
    d[lane] = static_cast<u32>(high << 16 | low);
  });
}

template <class D, class S>
struct Cast {
  D operator()(S value) const { return static_cast<D>(value); }
};

/// The frequent conversions between registers of their types' widths.
Execute fast_conversion(Type to, Type from) {
  const auto is = [&](Type t, Type f) { return to == t && from == f; };
  if (is(Type::kU64, Type::kU32)) return map1<u64, u32, Cast<u64, u32>>;
  if (is(Type::kS64, Type::kS32) || is(Type::kU64, Type::kS32)) return map1<i64, i32, Cast<i64, i32>>;
  if (is(Type::kS64, Type::kU32)) return map1<u64, u32, Cast<u64, u32>>;
  if (width_of(to) == 4 && width_of(from) == 8) return map1<u32, u64, Cast<u32, u64>>;
  if (width_of(to) == 4 && from == Type::kU16) return map1<u32, u16, Cast<u32, u16>>;
  if (width_of(to) == 4 && from == Type::kS16) return map1<i32, i16, Cast<i32, i16>>;
  if (width_of(to) == 2 && width_of(from) == 4) return map1<u16, u32, Cast<u16, u32>>;
  return nullptr;
}

void decode_cvt(Decoder& d) {
  Instruction& instruction = d.instruction();
  u8 option = 0;
  const std::string_view whole = d.accept_one_of({"rni", "rzi", "rmi", "rpi"});
  const std::string_view part = d.accept_one_of({"rn", "rz", "rm", "rp", "rna"});
  const std::string_view mode = whole.empty() ? part : whole.substr(0, 2);
  const RoundTo round = mode == "rz"    ? RoundTo::kZero
                        : mode == "rm"  ? RoundTo::kDown
                        : mode == "rp"  ? RoundTo::kUp
                        : mode == "rna" ? RoundTo::kNearestAway
                                        : RoundTo::kNearestEven;
  option = static_cast<u8>(static_cast<u8>(round) | (d.accept("ftz") ? kFlush : 0) | (d.accept("sat") ? kSaturate : 0) |
                           (d.accept("relu") ? kRelu : 0) | (d.accept("satfinite") ? kFiniteOnly : 0) |
                           (whole.empty() ? 0 : kToInteger));
  const Type to = d.take_type(), from = d.take_type();
  instruction.option = option;
  instruction.option2 = static_cast<u8>(from);
  instruction.count = static_cast<u8>(to);
  instruction.counted_as = is_float(to) || is_float(from) ? InstructionClass::kFloat : InstructionClass::kInteger;
  if (to == Type::kF16x2 || to == Type::kBf16x2) {
    if (from != Type::kF32) d.fail("a conversion that this interpreter does not know");
    d.set(execute_cvt_pair, {d.value(0, Type::kB32), d.value(1, Type::kF32), d.value(2, Type::kF32)});
    return;
  }
  if (to == Type::kPred || from == Type::kPred || from == Type::kF16x2 || from == Type::kBf16x2)
    d.fail("a conversion that this interpreter does not know");
  if (is_float(from) && !is_float(to) && whole.empty()) d.fail("an integer rounding mode expected");
  const Operand result = d.loose(d.text(0), to), source = d.loose(d.text(1), from);
  if (result.width < width_of(to) || source.width < width_of(from)) d.fail("a register narrower than the type");
  Execute execute = execute_cvt;
  if (!is_float(to) && !is_float(from) && (option & kSaturate) == 0 && result.width == width_of(to) &&
      source.width == width_of(from)) {
    if (const Execute fast = fast_conversion(to, from); fast != nullptr) execute = fast;
  }
  d.set(execute, {result, source});
}

/// cvt.pack.sat.to.s32{.b32}: a and b saturated side by side (b lower); 8-bit forms push c up.
void execute_pack(Warp& warp, const Instruction& instruction, u32 mask) {
  const auto to = static_cast<Type>(instruction.option2);
  const int bits = 8 * width_of(to);
  const u64 ones = (u64{1} << bits) - 1;
  for_each_lane(mask, [&](int lane) {
    const u64 a = saturated_integer(raw(warp, instruction.operands[1], lane), Type::kS32, to) & ones;
    const u64 b = saturated_integer(raw(warp, instruction.operands[2], lane), Type::kS32, to) & ones;
    u64 result = a << bits | b;
    if (instruction.n_operands == 4) result |= raw(warp, instruction.operands[3], lane) << (2 * bits);
    warp.at<u32>(instruction.operands[0])[lane] = static_cast<u32>(result);
  });
}

void decode_pack(Decoder& d) {
  d.accept("pack");
  if (!d.accept("sat")) d.fail(".sat expected");
  const Type to = d.take_type();
  if (d.take_type() != Type::kS32 || !is_integer(to) || width_of(to) > 2)
    d.fail("a conversion that this interpreter does not know");
  d.accept_type();
  d.instruction().option2 = static_cast<u8>(to);
  d.instruction().counted_as = InstructionClass::kInteger;
  std::vector<Operand> operands{d.value(0, Type::kB32), d.value(1, Type::kS32), d.value(2, Type::kS32)};
  if (d.n_operands() == 4) operands.push_back(d.value(3, Type::kB32));
  d.set(execute_pack, std::move(operands));
}

}  // namespace

void add_conversion_opcodes(OpcodeTable& table) {
  table["cvt"] = [](Decoder& d) {
    const auto& modifiers = d.item().modifiers;
    if (!modifiers.empty() && modifiers[0] == "pack") return decode_pack(d);
    decode_cvt(d);
  };
}

}  // namespace segue::ptx
