// f32 and f64 arithmetic. Results are those of IEEE 754, which the manual asks of all but the approximations: those are
// computed in double and rounded once, closer than any device; a test must allow the manual's error for them.

#include <cfenv>
#include <cmath>

#include "tests/ptx/elementwise.h"
#include "tests/ptx/float_arithmetic.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

enum Rounding : u8 { kNearest, kToZero, kDown, kUp };

/// Instruction::option of this file.
enum Option : u8 { kFlush = 4, kSaturate = 8, kPropagateNan = 16, kXorSign = 32 };

float canonical(float value) { return value != value ? bits_as<float>(0x7FFFFFFFU) : value; }
double canonical(double value) { return value; }

float flushed(float value) {
  return (bits_as<u32>(value) & 0x7F800000U) == 0 ? bits_as<float>(bits_as<u32>(value) & 0x80000000U) : value;
}
double flushed(double value) { return value; }

template <class T>
T saturated(T value) {
  return value != value ? T{0} : value < T{0} ? T{0} : value > T{1} ? T{1} : value == T{0} ? T{0} : value;
}

struct AddFloat {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct SubtractFloat {
  template <class T>
  T operator()(T a, T b) const {
    return a - b;
  }
};
struct MultiplyFloat {
  template <class T>
  T operator()(T a, T b) const {
    return a * b;
  }
};
struct DivideFloat {
  template <class T>
  T operator()(T a, T b) const {
    return a / b;
  }
};
/// NaN only if both are; -0 counts as less than +0.
template <bool kMaximum>
struct SelectFloat {
  template <class T>
  T operator()(T a, T b) const {
    if (a != a) return b;
    if (b != b) return a;
    if (a == b) return std::signbit(a) == kMaximum ? b : a;
    return (a < b) == kMaximum ? b : a;
  }
};
struct FusedMultiplyAdd {
  template <class T>
  T operator()(T a, T b, T c) const {
    return std::fma(a, b, c);
  }
};

/// The plain form: nearest, nothing flushed. The loop vectorises.
template <class T, class F>
void binary_plain(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const T* b = warp.at<T>(instruction.operands[2]);
  each_lane(mask, [=](int lane) { d[lane] = canonical(F{}(a[lane], b[lane])); });
}

template <class T, class F>
void ternary_plain(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const T* b = warp.at<T>(instruction.operands[2]);
  const T* c = warp.at<T>(instruction.operands[3]);
  each_lane(mask, [=](int lane) { d[lane] = canonical(F{}(a[lane], b[lane], c[lane])); });
}

class RoundingMode {
 public:
  explicit RoundingMode(u8 mode) {
    constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(kModes[mode & 3]);
  }
  ~RoundingMode() { std::fesetround(FE_TONEAREST); }
};

template <class T, class F, int kSources>
void with_options(Warp& warp, const Instruction& instruction, u32 mask) {
  const u8 option = instruction.option;
  const auto in = [&](int operand, int lane) {
    const T value = warp.at<T>(instruction.operands[operand])[lane];
    return (option & kFlush) != 0 ? flushed(value) : value;
  };
  const RoundingMode mode(option);
  for_each_lane(mask, [&](int lane) {
    volatile T a = in(1, lane), b = kSources > 1 ? in(2, lane) : T{0}, c = kSources > 2 ? in(3, lane) : T{0};
    volatile T result;
    if constexpr (kSources == 1) {
      result = F{}(T{a});
    } else if constexpr (kSources == 2) {
      result = F{}(T{a}, T{b});
    } else {
      result = F{}(T{a}, T{b}, T{c});
    }
    T value = result;
    if ((option & kFlush) != 0) value = flushed(value);
    if ((option & kPropagateNan) != 0 && (a != a || b != b)) value = bits_as<float>(0x7FFFFFFFU);
    if ((option & kXorSign) != 0) value = std::copysign(value, std::signbit(T{a}) != std::signbit(T{b}) ? T{-1} : T{1});
    if ((option & kSaturate) != 0) value = saturated(value);
    warp.at<T>(instruction.operands[0])[lane] = canonical(value);
  });
}

u8 take_rounding(Decoder& d) {
  const std::string_view mode = d.accept_one_of({"rn", "rz", "rm", "rp"});
  return mode.empty() || mode == "rn" ? kNearest : mode == "rz" ? kToZero : mode == "rm" ? kDown : kUp;
}

bool is_half(Decoder& d) {
  for (std::string_view modifier : d.item().modifiers) {
    const Type type = type_named(modifier);
    if (type == Type::kF16 || type == Type::kF16x2 || type == Type::kBf16 || type == Type::kBf16x2) return true;
  }
  return false;
}

template <class F, int kSources>
void decode_arithmetic(Decoder& d, HalfOperation for_halves) {
  if (is_half(d)) return decode_half(d, for_halves);
  u8 option = take_rounding(d);
  option = static_cast<u8>(option | (d.accept("ftz") ? kFlush : 0) | (d.accept("sat") ? kSaturate : 0) |
                           (d.accept("NaN") ? kPropagateNan : 0) | (d.accept("xorsign") ? kXorSign : 0));
  d.accept("abs");
  const Type type = d.take_type();
  if (type != Type::kF32 && type != Type::kF64) d.fail("a type that this opcode does not take");
  d.instruction().option = option;
  Execute execute = nullptr;
  if (option != 0) {
    execute = type == Type::kF32 ? with_options<float, F, kSources> : with_options<double, F, kSources>;
  } else if constexpr (kSources == 3) {
    execute = type == Type::kF32 ? ternary_plain<float, F> : ternary_plain<double, F>;
  } else {
    execute = type == Type::kF32 ? binary_plain<float, F> : binary_plain<double, F>;
  }
  set_same_type(d, execute, type, kSources + 1, InstructionClass::kFloat);
}

struct Reciprocal {
  template <class T>
  T operator()(T a) const {
    return T{1} / a;
  }
};
struct SquareRoot {
  template <class T>
  T operator()(T a) const {
    return std::sqrt(a);
  }
};
/// Of a function that is computed in double and rounded once.
template <double (*kFunction)(double)>
struct InDouble {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(kFunction(static_cast<double>(a)));
  }
};
double reciprocal_square_root(double a) { return 1.0 / std::sqrt(a); }
double power_of_two(double a) { return std::exp2(a); }
double logarithm_of_two(double a) { return std::log2(a); }
double sine(double a) { return std::sin(a); }
double cosine(double a) { return std::cos(a); }
double hyperbolic_tangent(double a) { return std::tanh(a); }

template <class F>
void decode_unary(Decoder& d, HalfOperation for_halves) {
  if (is_half(d)) return decode_half(d, for_halves);
  d.accept_any({"approx", "full"});
  d.instruction().option = static_cast<u8>(take_rounding(d) | (d.accept("ftz") ? kFlush : 0));
  const Type type = d.take_type();
  if (type != Type::kF32 && type != Type::kF64) d.fail("a type that this opcode does not take");
  set_same_type(d, type == Type::kF32 ? with_options<float, F, 1> : with_options<double, F, 1>, type, 2,
                InstructionClass::kFloat);
}

/// abs, neg and copysign touch the sign bit alone (and, with .ftz, denormals).
template <class T, class Bits, bool kNegates>
void execute_sign(Warp& warp, const Instruction& instruction, u32 mask) {
  constexpr Bits kSign = Bits{1} << (8 * sizeof(T) - 1);
  Bits* d = warp.at<Bits>(instruction.operands[0]);
  const Bits* a = warp.at<Bits>(instruction.operands[1]);
  for_each_lane(mask, [&](int lane) {
    T value = bits_as<T>(a[lane]);
    if ((instruction.option & kFlush) != 0) value = flushed(value);
    const Bits bits = bits_as<Bits>(value);
    d[lane] = kNegates ? bits ^ kSign : bits & ~kSign;
  });
}

template <bool kNegates>
void decode_sign(Decoder& d) {
  if (is_half(d)) return decode_half(d, kNegates ? HalfOperation::kNegate : HalfOperation::kAbsolute);
  d.instruction().option = d.accept("ftz") ? kFlush : 0;
  const Type type = d.take_type();
  if (type != Type::kF32 && type != Type::kF64) d.fail("a type that this opcode does not take");
  set_same_type(d, type == Type::kF32 ? execute_sign<float, u32, kNegates> : execute_sign<double, u64, kNegates>, type,
                2, InstructionClass::kFloat);
}

/// copysign d, a, b: the magnitude of b with the sign of a.
struct CopySign {
  template <class T>
  T operator()(T a, T b) const {
    return std::copysign(b, a);
  }
};

void decode_copysign(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kF32 && type != Type::kF64) d.fail("a type that this opcode does not take");
  set_same_type(d, type == Type::kF32 ? map2<float, float, float, CopySign> : map2<double, double, double, CopySign>,
                type, 3, InstructionClass::kFloat);
}

template <class T>
bool has_property(int which, T value) {
  switch (which) {
    case 0: return std::isfinite(value);
    case 1: return std::isinf(value);
    case 2: return !std::isnan(value);
    case 3: return std::isnan(value);
    case 4: return std::isnormal(value);
    default: return std::fpclassify(value) == FP_SUBNORMAL;
  }
}

template <class T>
void execute_testp(Warp& warp, const Instruction& instruction, u32 mask) {
  const T* a = warp.at<T>(instruction.operands[1]);
  u32 result = 0;
  for_each_lane(mask, [&](int lane) { result |= (has_property(instruction.option, a[lane]) ? 1U : 0U) << lane; });
  warp.set_predicate(instruction.operands[0], result, mask);
}

void decode_testp(Decoder& d) {
  constexpr std::string_view kNames[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  const std::string_view name = d.accept_one_of({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  for (u8 i = 0; i < 6; ++i)
    if (kNames[i] == name) d.instruction().option = i;
  const Type type = d.take_type();
  d.instruction().counted_as = InstructionClass::kCompare;
  d.set(type == Type::kF64 ? execute_testp<double> : execute_testp<float>, {d.predicate(d.text(0)), d.value(1, type)});
}

}  // namespace

void decode_float_add(Decoder& d) { decode_arithmetic<AddFloat, 2>(d, HalfOperation::kAdd); }
void decode_float_sub(Decoder& d) { decode_arithmetic<SubtractFloat, 2>(d, HalfOperation::kSubtract); }
void decode_float_mul(Decoder& d) { decode_arithmetic<MultiplyFloat, 2>(d, HalfOperation::kMultiply); }
void decode_float_fma(Decoder& d) { decode_arithmetic<FusedMultiplyAdd, 3>(d, HalfOperation::kFma); }
void decode_float_min(Decoder& d) { decode_arithmetic<SelectFloat<false>, 2>(d, HalfOperation::kMinimum); }
void decode_float_max(Decoder& d) { decode_arithmetic<SelectFloat<true>, 2>(d, HalfOperation::kMaximum); }
void decode_float_abs(Decoder& d) { decode_sign<false>(d); }
void decode_float_neg(Decoder& d) { decode_sign<true>(d); }
void decode_float_div(Decoder& d) {
  d.accept_any({"approx", "full"});
  decode_arithmetic<DivideFloat, 2>(d, HalfOperation::kUnknown);
}

void add_float_opcodes(OpcodeTable& table) {
  table["fma"] = decode_float_fma;
  table["rcp"] = [](Decoder& d) { decode_unary<Reciprocal>(d, HalfOperation::kUnknown); };
  table["sqrt"] = [](Decoder& d) { decode_unary<SquareRoot>(d, HalfOperation::kUnknown); };
  table["rsqrt"] = [](Decoder& d) { decode_unary<InDouble<reciprocal_square_root>>(d, HalfOperation::kUnknown); };
  table["ex2"] = [](Decoder& d) { decode_unary<InDouble<power_of_two>>(d, HalfOperation::kPowerOfTwo); };
  table["lg2"] = [](Decoder& d) { decode_unary<InDouble<logarithm_of_two>>(d, HalfOperation::kUnknown); };
  table["sin"] = [](Decoder& d) { decode_unary<InDouble<sine>>(d, HalfOperation::kUnknown); };
  table["cos"] = [](Decoder& d) { decode_unary<InDouble<cosine>>(d, HalfOperation::kUnknown); };
  table["tanh"] = [](Decoder& d) { decode_unary<InDouble<hyperbolic_tangent>>(d, HalfOperation::kTanh); };
  table["copysign"] = decode_copysign;
  table["testp"] = decode_testp;
}

}  // namespace segue::ptx
