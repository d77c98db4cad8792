// Integer arithmetic: add, sub, mul, mad, sad, div, rem, abs, neg, min, max, dp4a, dp2a and the carrying forms.

#include <algorithm>
#include <type_traits>

#include "tests/ptx/elementwise.h"
#include "tests/ptx/float_arithmetic.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

/// Wide enough to wrap around without being undefined.
template <class T>
u64 raw(T value) {
  return static_cast<u64>(value);
}

struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(raw(a) + raw(b));
  }
};
struct Subtract {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(raw(a) - raw(b));
  }
};
struct MultiplyLow {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(raw(a) * raw(b));
  }
};
template <class T>
using Twice = std::conditional_t<std::is_signed_v<T>, i128, u128>;
struct MultiplyHigh {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Twice<T>>(a) * static_cast<Twice<T>>(b) >> (8 * sizeof(T)));
  }
};
/// Division by zero gives an unspecified value; the hardware's is all ones.
struct Divide {
  template <class T>
  T operator()(T a, T b) const {
    if (b == 0) return static_cast<T>(~u64{0});
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return static_cast<T>(0 - raw(a));
    return static_cast<T>(a / b);
  }
};
struct Remainder {
  template <class T>
  T operator()(T a, T b) const {
    if (b == 0) return a;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;
    return static_cast<T>(a % b);
  }
};
struct Minimum {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Maximum {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct Negate {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(0 - raw(a));
  }
};
struct Absolute {
  template <class T>
  T operator()(T a) const {
    return a < 0 ? static_cast<T>(0 - raw(a)) : a;
  }
};
struct MultiplyAddLow {
  template <class T>
  T operator()(T a, T b, T c) const {
    return static_cast<T>(raw(a) * raw(b) + raw(c));
  }
};
struct MultiplyAddHigh {
  template <class T>
  T operator()(T a, T b, T c) const {
    return static_cast<T>(raw(MultiplyHigh{}(a, b)) + raw(c));
  }
};
struct SumOfDifference {
  template <class T>
  T operator()(T a, T b, T c) const {
    return static_cast<T>(raw(c) + (a < b ? raw(b) - raw(a) : raw(a) - raw(b)));
  }
};
template <class Wide>
struct MultiplyWide {
  template <class T>
  Wide operator()(T a, T b) const {
    return static_cast<Wide>(raw(a) * raw(b));
  }
};
template <class Wide>
struct MultiplyAddWide {
  template <class T>
  Wide operator()(T a, T b, Wide c) const {
    return static_cast<Wide>(raw(a) * raw(b) + raw(c));
  }
};
struct AddSaturated {
  i32 operator()(i32 a, i32 b) const { return static_cast<i32>(std::clamp<i64>(i64{a} + b, INT32_MIN, INT32_MAX)); }
};
struct SubtractSaturated {
  i32 operator()(i32 a, i32 b) const { return static_cast<i32>(std::clamp<i64>(i64{a} - b, INT32_MIN, INT32_MAX)); }
};
struct MultiplyLow24 {
  template <class T>
  T operator()(T a, T b) const {
    const auto low = [](T value) {
      return std::is_signed_v<T> ? raw(static_cast<T>(static_cast<i32>(raw(value) << 8) >> 8)) : raw(value) & 0xFFFFFF;
    };
    return static_cast<T>(low(a) * low(b));
  }
};
struct MultiplyAddLow24 {
  template <class T>
  T operator()(T a, T b, T c) const {
    return static_cast<T>(raw(MultiplyLow24{}(a, b)) + raw(c));
  }
};

bool decode_if_float(Decoder& d, FloatDecode decode) {
  for (std::string_view modifier : d.item().modifiers) {
    const Type type = type_named(modifier);
    if (type == Type::kNone) continue;
    if (!is_float(type)) return false;
    decode(d);
    return true;
  }
  return false;
}

template <bool kSubtracts, bool kTakesCarry, class T>
void with_carry(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const T* b = warp.at<T>(instruction.operands[2]);
  u32& carry = *warp.at<u32>(instruction.operands[3]);
  const bool sets_carry = instruction.option != 0;
  for_each_lane(mask, [&](int lane) {
    const u128 in = kTakesCarry ? carry >> lane & 1 : 0;
    // In a subtraction the flag is the borrow.
    const u128 wide =
        kSubtracts ? static_cast<u128>(a[lane]) - b[lane] - in : static_cast<u128>(a[lane]) + b[lane] + in;
    d[lane] = static_cast<T>(wide);
    if (sets_carry) carry = (carry & ~(1U << lane)) | (static_cast<u32>(wide >> (8 * sizeof(T)) & 1) << lane);
  });
}

template <bool kHigh, bool kTakesCarry, class T>
void multiply_add_with_carry(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const T* b = warp.at<T>(instruction.operands[2]);
  u32& carry = *warp.at<u32>(instruction.operands[3]);
  const T* c = warp.at<T>(instruction.operands[4]);
  using Unsigned = std::make_unsigned_t<T>;
  for_each_lane(mask, [&](int lane) {
    const u128 in = kTakesCarry ? carry >> lane & 1 : 0;
    const T product = kHigh ? MultiplyHigh{}(a[lane], b[lane]) : MultiplyLow{}(a[lane], b[lane]);
    const u128 wide = static_cast<u128>(static_cast<Unsigned>(product)) + static_cast<Unsigned>(c[lane]) + in;
    d[lane] = static_cast<T>(wide);
    if (instruction.option != 0)
      carry = (carry & ~(1U << lane)) | (static_cast<u32>(wide >> (8 * sizeof(T)) & 1) << lane);
  });
}

template <bool kSubtracts>
void decode_carry(Decoder& d, bool takes_carry, bool sets_carry) {
  const Type type = d.take_type();
  const bool is_wide = width_of(type) == 8;
  if (!is_wide && width_of(type) != 4) d.fail("a type that this opcode does not take");
  d.instruction().option = sets_carry ? 1 : 0;
  d.instruction().counted_as = InstructionClass::kInteger;
  Execute execute = nullptr;
  if (is_wide) {
    execute = takes_carry ? with_carry<kSubtracts, true, u64> : with_carry<kSubtracts, false, u64>;
  } else {
    execute = takes_carry ? with_carry<kSubtracts, true, u32> : with_carry<kSubtracts, false, u32>;
  }
  d.set(execute, {d.value(0, type), d.value(1, type), d.value(2, type), d.carry_flag()});
}

void decode_add(Decoder& d) {
  if (decode_if_float(d, decode_float_add)) return;
  if (d.accept("cc")) return decode_carry<false>(d, false, true);
  const bool saturates = d.accept("sat");
  const Type type = d.take_type();
  if (type == Type::kF16x2) d.fail("a type that this opcode does not take");
  if (saturates && type != Type::kS32) d.fail(".sat is for s32 alone");
  set_same_type(d, saturates ? map2<i32, i32, i32, AddSaturated> : integer2<Add>(type), type, 3,
                InstructionClass::kInteger);
}

void decode_sub(Decoder& d) {
  if (decode_if_float(d, decode_float_sub)) return;
  if (d.accept("cc")) return decode_carry<true>(d, false, true);
  const bool saturates = d.accept("sat");
  const Type type = d.take_type();
  if (saturates && type != Type::kS32) d.fail(".sat is for s32 alone");
  set_same_type(d, saturates ? map2<i32, i32, i32, SubtractSaturated> : integer2<Subtract>(type), type, 3,
                InstructionClass::kInteger);
}

Type twice(Type type) {
  switch (type) {
    case Type::kU16: return Type::kU32;
    case Type::kS16: return Type::kS32;
    case Type::kU32: return Type::kU64;
    case Type::kS32: return Type::kS64;
    default: return Type::kNone;
  }
}

void decode_mul(Decoder& d) {
  if (decode_if_float(d, decode_float_mul)) return;
  const std::string_view part = d.accept_one_of({"lo", "hi", "wide"});
  const Type type = d.take_type();
  if (part != "wide") {
    if (part.empty()) d.fail(".lo, .hi or .wide expected");
    set_same_type(d, part == "lo" ? integer2<MultiplyLow>(type) : integer2<MultiplyHigh>(type), type, 3,
                  InstructionClass::kInteger);
    return;
  }
  Execute execute = nullptr;
  switch (type) {
    case Type::kU16: execute = map2<u32, u16, u16, MultiplyWide<u32>>; break;
    case Type::kS16: execute = map2<i32, i16, i16, MultiplyWide<i32>>; break;
    case Type::kU32: execute = map2<u64, u32, u32, MultiplyWide<u64>>; break;
    case Type::kS32: execute = map2<i64, i32, i32, MultiplyWide<i64>>; break;
    default: d.fail("a type that this opcode does not take");
  }
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(execute, {d.value(0, twice(type)), d.value(1, type), d.value(2, type)});
}

template <bool kTakesCarry>
void decode_mad_carry(Decoder& d, std::string_view part) {
  const bool sets = d.accept("cc");
  const Type type = d.take_type();
  Execute execute = nullptr;
  const bool high = part == "hi";
  switch (type) {
    case Type::kU32:
      execute =
          high ? multiply_add_with_carry<true, kTakesCarry, u32> : multiply_add_with_carry<false, kTakesCarry, u32>;
      break;
    case Type::kS32:
      execute =
          high ? multiply_add_with_carry<true, kTakesCarry, i32> : multiply_add_with_carry<false, kTakesCarry, i32>;
      break;
    case Type::kU64:
      execute =
          high ? multiply_add_with_carry<true, kTakesCarry, u64> : multiply_add_with_carry<false, kTakesCarry, u64>;
      break;
    case Type::kS64:
      execute =
          high ? multiply_add_with_carry<true, kTakesCarry, i64> : multiply_add_with_carry<false, kTakesCarry, i64>;
      break;
    default: d.fail("a type that this opcode does not take");
  }
  d.instruction().option = sets ? 1 : 0;
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(execute, {d.value(0, type), d.value(1, type), d.value(2, type), d.carry_flag(), d.value(3, type)});
}

void decode_mad(Decoder& d) {
  if (decode_if_float(d, decode_float_fma)) return;
  const std::string_view part = d.accept_one_of({"lo", "hi", "wide"});
  if (part.empty()) d.fail(".lo, .hi or .wide expected");
  for (std::string_view modifier : d.item().modifiers)
    if (modifier == "cc") return decode_mad_carry<false>(d, part);
  const Type type = d.take_type();
  if (part != "wide") {
    set_same_type(d, part == "lo" ? integer3<MultiplyAddLow>(type) : integer3<MultiplyAddHigh>(type), type, 4,
                  InstructionClass::kInteger);
    return;
  }
  Execute execute = nullptr;
  switch (type) {
    case Type::kU16: execute = map3<u32, u16, u16, u32, MultiplyAddWide<u32>>; break;
    case Type::kS16: execute = map3<i32, i16, i16, i32, MultiplyAddWide<i32>>; break;
    case Type::kU32: execute = map3<u64, u32, u32, u64, MultiplyAddWide<u64>>; break;
    case Type::kS32: execute = map3<i64, i32, i32, i64, MultiplyAddWide<i64>>; break;
    default: d.fail("a type that this opcode does not take");
  }
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(execute, {d.value(0, twice(type)), d.value(1, type), d.value(2, type), d.value(3, twice(type))});
}

void decode_madc(Decoder& d) { decode_mad_carry<true>(d, d.accept_one_of({"lo", "hi"})); }

template <class F>
void decode_24(Decoder& d, std::size_t n_operands) {
  d.accept("lo");
  const Type type = d.take_type();
  Execute execute = nullptr;
  if constexpr (std::is_same_v<F, MultiplyLow24>) {
    execute = type == Type::kU32 ? map2<u32, u32, u32, F> : type == Type::kS32 ? map2<i32, i32, i32, F> : nullptr;
  } else {
    execute = type == Type::kU32   ? map3<u32, u32, u32, u32, F>
              : type == Type::kS32 ? map3<i32, i32, i32, i32, F>
                                   : nullptr;
  }
  set_same_type(d, execute, type, n_operands, InstructionClass::kInteger);
}

void decode_div(Decoder& d) {
  if (decode_if_float(d, decode_float_div)) return;
  const Type type = d.take_type();
  set_same_type(d, integer2<Divide>(type), type, 3, InstructionClass::kInteger);
}

void decode_rem(Decoder& d) {
  const Type type = d.take_type();
  set_same_type(d, integer2<Remainder>(type), type, 3, InstructionClass::kInteger);
}

template <class F>
void decode_min_max(Decoder& d, FloatDecode for_floats) {
  if (decode_if_float(d, for_floats)) return;
  const Type type = d.take_type();
  set_same_type(d, integer2<F>(type), type, 3, InstructionClass::kInteger);
}

void decode_abs(Decoder& d) {
  if (decode_if_float(d, decode_float_abs)) return;
  const Type type = d.take_type();
  if (!is_signed(type)) d.fail("a type that this opcode does not take");
  set_same_type(d, integer1<Absolute>(type), type, 2, InstructionClass::kInteger);
}

void decode_neg(Decoder& d) {
  if (decode_if_float(d, decode_float_neg)) return;
  const Type type = d.take_type();
  if (!is_signed(type)) d.fail("a type that this opcode does not take");
  set_same_type(d, integer1<Negate>(type), type, 2, InstructionClass::kInteger);
}

void decode_sad(Decoder& d) {
  const Type type = d.take_type();
  set_same_type(d, integer3<SumOfDifference>(type), type, 4, InstructionClass::kInteger);
}

i64 element(u32 packed, int i, int bits, bool is_signed_element) {
  const u32 value = packed >> (i * bits) & ((1U << bits) - 1);
  return is_signed_element && (value >> (bits - 1)) != 0 ? i64{value} - (i64{1} << bits) : i64{value};
}

/// option: bit 0: a is signed, bit 1: b is signed; option2: the dot product's form (4, or 2 for .lo and 3 for .hi).
void execute_dot(Warp& warp, const Instruction& instruction, u32 mask) {
  u32* d = warp.at<u32>(instruction.operands[0]);
  const u32* a = warp.at<u32>(instruction.operands[1]);
  const u32* b = warp.at<u32>(instruction.operands[2]);
  const u32* c = warp.at<u32>(instruction.operands[3]);
  const bool a_signed = (instruction.option & 1) != 0, b_signed = (instruction.option & 2) != 0;
  for_each_lane(mask, [&](int lane) {
    i64 sum = 0;
    if (instruction.option2 == 4) {
      for (int i = 0; i < 4; ++i) sum += element(a[lane], i, 8, a_signed) * element(b[lane], i, 8, b_signed);
    } else {
      for (int i = 0; i < 2; ++i)
        sum +=
            element(a[lane], i, 16, a_signed) * element(b[lane], i + (instruction.option2 == 3 ? 2 : 0), 8, b_signed);
    }
    d[lane] = c[lane] + static_cast<u32>(sum);
  });
}

void decode_dot(Decoder& d, u8 form) {
  const Type a = d.take_type(), b = d.take_type();
  const auto check = [&](Type type) {
    if (type != Type::kU32 && type != Type::kS32) d.fail("a type that this opcode does not take");
  };
  check(a), check(b);
  d.instruction().option = static_cast<u8>((a == Type::kS32 ? 1 : 0) | (b == Type::kS32 ? 2 : 0));
  d.instruction().option2 = form;
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(execute_dot, {d.value(0, Type::kB32), d.value(1, Type::kB32), d.value(2, Type::kB32), d.value(3, Type::kB32)});
}

}  // namespace

void add_integer_opcodes(OpcodeTable& table) {
  table["add"] = decode_add;
  table["addc"] = [](Decoder& d) { decode_carry<false>(d, true, d.accept("cc")); };
  table["sub"] = decode_sub;
  table["subc"] = [](Decoder& d) { decode_carry<true>(d, true, d.accept("cc")); };
  table["mul"] = decode_mul;
  table["mul24"] = [](Decoder& d) { decode_24<MultiplyLow24>(d, 3); };
  table["mad"] = decode_mad;
  table["madc"] = decode_madc;
  table["mad24"] = [](Decoder& d) { decode_24<MultiplyAddLow24>(d, 4); };
  table["div"] = decode_div;
  table["rem"] = decode_rem;
  table["min"] = [](Decoder& d) { decode_min_max<Minimum>(d, decode_float_min); };
  table["max"] = [](Decoder& d) { decode_min_max<Maximum>(d, decode_float_max); };
  table["abs"] = decode_abs;
  table["neg"] = decode_neg;
  table["sad"] = decode_sad;
  table["dp4a"] = [](Decoder& d) { decode_dot(d, 4); };
  table["dp2a"] = [](Decoder& d) { decode_dot(d, d.accept("lo") ? u8{2} : d.accept("hi") ? u8{3} : u8{0}); };
}

}  // namespace segue::ptx
