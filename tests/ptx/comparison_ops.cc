// setp, set, selp, slct.

#include <cmath>

#include "tests/ptx/elementwise.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

enum Comparison : u8 { kEq, kNe, kLt, kLe, kGt, kGe, kEqu, kNeu, kLtu, kLeu, kGtu, kGeu, kNum, kNan };

template <class T, Comparison kHow>
bool compare(T a, T b) {
  const bool unordered = a != a || b != b;
  switch (kHow) {
    case kEq: return a == b;
    case kNe: return a != b && !unordered;
    case kLt: return a < b;
    case kLe: return a <= b;
    case kGt: return a > b;
    case kGe: return a >= b;
    case kEqu: return a == b || unordered;
    case kNeu: return a != b;
    case kLtu: return !(a >= b);
    case kLeu: return !(a > b);
    case kGtu: return !(a <= b);
    case kGeu: return !(a < b);
    case kNum: return !unordered;
    case kNan: return unordered;
  }
  return false;
}

/// The result of a comparison goes to predicates or, for `set`, to registers.
enum Combine : u8 { kNone, kAnd, kOr, kXor };

float flushed(float value) {
  return (bits_as<u32>(value) & 0x7F800000U) == 0 ? bits_as<float>(bits_as<u32>(value) & 0x80000000U) : value;
}

template <class T, Comparison kHow>
u32 compare_lanes(Warp& warp, const Instruction& instruction, u32) {
  const T* a = warp.at<T>(instruction.operands[2]);
  const T* b = warp.at<T>(instruction.operands[3]);
  u32 result = 0;
  if constexpr (std::is_same_v<T, float>) {
    if ((instruction.option2 & 0x80) != 0) {
      for (int lane = 0; lane < kLanes; ++lane)
        result |= (compare<T, kHow>(flushed(a[lane]), flushed(b[lane])) ? 1U : 0U) << lane;
      return result;
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) result |= (compare<T, kHow>(a[lane], b[lane]) ? 1U : 0U) << lane;
  return result;
}

/// Operands of setp: p, q, a, b, c. option2: Combine, 0x80: ftz.
template <class T, Comparison kHow>
void execute_setp(Warp& warp, const Instruction& instruction, u32 mask) {
  const u32 holds = compare_lanes<T, kHow>(warp, instruction, mask);
  u32 p = holds, q = ~holds;
  const u8 combine = instruction.option2 & 0x7F;
  if (combine != kNone) {
    const u32 c = warp.predicate(instruction.operands[4]);
    p = combine == kAnd ? holds & c : combine == kOr ? holds | c : holds ^ c;
    q = combine == kAnd ? ~holds & c : combine == kOr ? ~holds | c : ~holds ^ c;
  }
  warp.set_predicate(instruction.operands[0], p, mask);
  warp.set_predicate(instruction.operands[1], q, mask);
}

/// set: 1.0 or all ones. Operands: d, sink, a, b, c; option 1: a float result.
template <class T, Comparison kHow>
void execute_set(Warp& warp, const Instruction& instruction, u32 mask) {
  u32 holds = compare_lanes<T, kHow>(warp, instruction, mask);
  const u8 combine = instruction.option2 & 0x7F;
  if (combine != kNone) {
    const u32 c = warp.predicate(instruction.operands[4]);
    holds = combine == kAnd ? holds & c : combine == kOr ? holds | c : holds ^ c;
  }
  u32* d = warp.at<u32>(instruction.operands[0]);
  const u32 yes = instruction.option == 1 ? 0x3F800000U : ~0U;
  for_each_lane(mask, [&](int lane) { d[lane] = (holds >> lane & 1) != 0 ? yes : 0; });
}

template <class T, bool kSet>
Execute with_comparison(u8 how) {
#define SEGUE_PTX_CASE(c) \
  case c: return kSet ? execute_set<T, c> : execute_setp<T, c>;
  switch (how) {
    SEGUE_PTX_CASE(kEq)
    SEGUE_PTX_CASE(kNe)
    SEGUE_PTX_CASE(kLt)
    SEGUE_PTX_CASE(kLe)
    SEGUE_PTX_CASE(kGt)
    SEGUE_PTX_CASE(kGe)
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) {
    switch (how) {
      SEGUE_PTX_CASE(kEqu)
      SEGUE_PTX_CASE(kNeu)
      SEGUE_PTX_CASE(kLtu)
      SEGUE_PTX_CASE(kLeu)
      SEGUE_PTX_CASE(kGtu)
      SEGUE_PTX_CASE(kGeu)
      SEGUE_PTX_CASE(kNum)
      SEGUE_PTX_CASE(kNan)
      default: break;
    }
  }
#undef SEGUE_PTX_CASE
  return nullptr;
}

template <bool kSet>
Execute comparison_of(Type type, u8 how) {
  switch (type) {
    case Type::kB16:
    case Type::kU16: return with_comparison<u16, kSet>(how);
    case Type::kS16: return with_comparison<i16, kSet>(how);
    case Type::kB32:
    case Type::kU32: return with_comparison<u32, kSet>(how);
    case Type::kS32: return with_comparison<i32, kSet>(how);
    case Type::kB64:
    case Type::kU64: return with_comparison<u64, kSet>(how);
    case Type::kS64: return with_comparison<i64, kSet>(how);
    case Type::kF32: return with_comparison<float, kSet>(how);
    case Type::kF64: return with_comparison<double, kSet>(how);
    default: return nullptr;
  }
}

bool compare_as(u8 how, double a, double b) {
  switch (how) {
    case kEq: return compare<double, kEq>(a, b);
    case kNe: return compare<double, kNe>(a, b);
    case kLt: return compare<double, kLt>(a, b);
    case kLe: return compare<double, kLe>(a, b);
    case kGt: return compare<double, kGt>(a, b);
    case kGe: return compare<double, kGe>(a, b);
    case kEqu: return compare<double, kEqu>(a, b);
    case kNeu: return compare<double, kNeu>(a, b);
    case kLtu: return compare<double, kLtu>(a, b);
    case kLeu: return compare<double, kLeu>(a, b);
    case kGtu: return compare<double, kGtu>(a, b);
    case kGeu: return compare<double, kGeu>(a, b);
    case kNum: return compare<double, kNum>(a, b);
    default: return compare<double, kNan>(a, b);
  }
}

struct HalfComparison {
  u32 low = 0, high = 0;
};

/// immediate: the comparison; width 2 or 4; count 1: bf16.
HalfComparison compare_halves(Warp& warp, const Instruction& instruction) {
  HalfComparison result;
  const auto value = [&](u32 bits) {
    if ((instruction.option2 & 0x80) != 0 && (bits & (instruction.count == 1 ? 0x7F80 : 0x7C00)) == 0) bits &= 0x8000;
    return instruction.count == 1 ? bfloat_value(static_cast<u16>(bits)) : half_value(static_cast<u16>(bits));
  };
  const auto how = static_cast<u8>(instruction.immediate);
  for (int lane = 0; lane < kLanes; ++lane) {
    u32 a, b;
    if (instruction.width == 2) {
      a = warp.at<u16>(instruction.operands[2])[lane];
      b = warp.at<u16>(instruction.operands[3])[lane];
    } else {
      a = warp.at<u32>(instruction.operands[2])[lane];
      b = warp.at<u32>(instruction.operands[3])[lane];
      result.high |= (compare_as(how, value(a >> 16), value(b >> 16)) ? 1U : 0U) << lane;
    }
    result.low |= (compare_as(how, value(a & 0xFFFF), value(b & 0xFFFF)) ? 1U : 0U) << lane;
  }
  return result;
}

void execute_setp_half(Warp& warp, const Instruction& instruction, u32 mask) {
  const HalfComparison holds = compare_halves(warp, instruction);
  const u8 combine = instruction.option2 & 0x7F;
  const u32 c = combine == kNone ? 0 : warp.predicate(instruction.operands[4]);
  const auto combined = [&](u32 h) {
    return combine == kNone ? h : combine == kAnd ? h & c : combine == kOr ? h | c : h ^ c;
  };
  warp.set_predicate(instruction.operands[0], combined(holds.low), mask);
  warp.set_predicate(instruction.operands[1], combined(instruction.width == 4 ? holds.high : ~holds.low), mask);
}

/// option: the width of the result; 1 in bit 7: ones or zero bits, else 1.0.
void execute_set_half(Warp& warp, const Instruction& instruction, u32 mask) {
  const HalfComparison holds = compare_halves(warp, instruction);
  const bool is_float = (instruction.option & 0x80) == 0;
  const u32 one = instruction.count == 1 ? 0x3F80 : 0x3C00;
  for_each_lane(mask, [&](int lane) {
    const u32 low = holds.low >> lane & 1, high = holds.high >> lane & 1;
    if (instruction.width == 4) {
      warp.at<u32>(instruction.operands[0])[lane] =
          is_float ? low * one | high * one << 16 : low * 0xFFFF | high * 0xFFFF0000U;
    } else if (instruction.operands[0].width == 2) {
      warp.at<u16>(instruction.operands[0])[lane] = static_cast<u16>(low * (is_float ? one : 0xFFFF));
    } else {
      warp.at<u32>(instruction.operands[0])[lane] = low != 0 ? (is_float ? 0x3F800000U : ~0U) : 0;
    }
  });
}

u8 take_comparison(Decoder& d, bool* is_unsigned) {
  static const std::pair<std::string_view, u8> kNames[] = {
      {"eq", kEq},   {"ne", kNe},   {"lt", kLt},   {"le", kLe},   {"gt", kGt},   {"ge", kGe},
      {"lo", kLt},   {"ls", kLe},   {"hi", kGt},   {"hs", kGe},   {"equ", kEqu}, {"neu", kNeu},
      {"ltu", kLtu}, {"leu", kLeu}, {"gtu", kGtu}, {"geu", kGeu}, {"num", kNum}, {"nan", kNan}};
  for (const auto& [name, how] : kNames) {
    if (!d.accept(name)) continue;
    *is_unsigned = name == "lo" || name == "ls" || name == "hi" || name == "hs";
    return how;
  }
  d.fail("a comparison expected");
}

bool is_half(Type type) {
  return type == Type::kF16 || type == Type::kF16x2 || type == Type::kBf16 || type == Type::kBf16x2;
}

void decode_compare(Decoder& d, bool is_set) {
  Instruction& instruction = d.instruction();
  bool is_unsigned = false;
  const u8 how = take_comparison(d, &is_unsigned);
  const u8 combine = d.accept("and") ? kAnd : d.accept("or") ? kOr : d.accept("xor") ? kXor : kNone;
  instruction.option2 = static_cast<u8>(combine | (d.accept("ftz") ? 0x80 : 0));
  const Type result = is_set ? d.take_type() : Type::kPred;
  const Type type = d.take_type();
  Operand p, q;
  if (is_set) {
    p = d.value(0, result);
  } else if (d.text(0).kind == OperandText::Kind::kPair) {
    p = d.predicate(d.text(0).parts[0]);
    q = d.predicate(d.text(0).parts[1]);
  } else {
    p = d.predicate(d.text(0));
  }
  std::vector<Operand> operands{p, q, d.value(1, type), d.value(2, type)};
  if (combine != kNone) operands.push_back(d.predicate(d.text(3)));
  Execute execute = nullptr;
  if (is_half(type)) {
    instruction.immediate = how;
    instruction.width = static_cast<u8>(width_of(type));
    instruction.count = type == Type::kBf16 || type == Type::kBf16x2 ? 1 : 0;
    instruction.option = is_integer(result) ? 0x80 : 0;
    execute = is_set ? execute_set_half : execute_setp_half;
  } else {
    instruction.option = result == Type::kF32 ? 1 : 0;
    if (is_set && width_of(result) != 4) d.fail("a type that this opcode does not take");
    execute = is_set ? comparison_of<true>(type, how) : comparison_of<false>(type, how);
  }
  if (execute == nullptr || (is_unsigned && is_signed(type))) d.fail("a comparison that this type does not have");
  instruction.counted_as = InstructionClass::kCompare;
  d.set(execute, std::move(operands));
}

template <class T>
void execute_selp(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const T* b = warp.at<T>(instruction.operands[2]);
  const u32 p = warp.predicate(instruction.operands[3]);
  each_lane(mask, [=](int lane) { d[lane] = (p >> lane & 1) != 0 ? a[lane] : b[lane]; });
}

void decode_selp(Decoder& d) {
  const Type type = d.take_type();
  const int width = width_of(type);
  d.instruction().counted_as = InstructionClass::kCompare;
  d.set(width == 2   ? execute_selp<u16>
        : width == 4 ? execute_selp<u32>
                     : execute_selp<u64>,
        {d.value(0, type), d.value(1, type), d.value(2, type), d.predicate(d.text(3))});
}

/// slct: a if c >= 0 (-0 counts, NaN does not), else b.
template <class T, class C>
void execute_slct(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const T* b = warp.at<T>(instruction.operands[2]);
  const C* c = warp.at<C>(instruction.operands[3]);
  each_lane(mask, [=](int lane) { d[lane] = c[lane] >= C{0} ? a[lane] : b[lane]; });
}

void decode_slct(Decoder& d) {
  d.accept("ftz");
  const Type type = d.take_type(), by = d.take_type();
  if (by != Type::kS32 && by != Type::kF32) d.fail("a type that this opcode does not take");
  const int width = width_of(type);
  Execute execute = nullptr;
  if (by == Type::kS32) {
    execute = width == 2 ? execute_slct<u16, i32> : width == 4 ? execute_slct<u32, i32> : execute_slct<u64, i32>;
  } else {
    execute = width == 2 ? execute_slct<u16, float> : width == 4 ? execute_slct<u32, float> : execute_slct<u64, float>;
  }
  d.instruction().counted_as = InstructionClass::kCompare;
  d.set(execute, {d.value(0, type), d.value(1, type), d.value(2, type), d.value(3, by)});
}

}  // namespace

void add_comparison_opcodes(OpcodeTable& table) {
  table["setp"] = [](Decoder& d) { decode_compare(d, false); };
  table["set"] = [](Decoder& d) { decode_compare(d, true); };
  table["selp"] = decode_selp;
  table["slct"] = decode_slct;
}

}  // namespace segue::ptx
