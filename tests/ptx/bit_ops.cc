// Logic, shifts and bit fields: and, or, xor, not, cnot, lop3, shl, shr, shf, bfe, bfi, bfind, brev, clz, popc, prmt.

#include <algorithm>
#include <type_traits>

#include "tests/ptx/elementwise.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

struct And {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(a ^ b);
  }
};
struct Not {
  template <class T>
  T operator()(T a) const {
    return static_cast<T>(~a);
  }
};
struct IsZero {
  template <class T>
  T operator()(T a) const {
    return a == 0 ? T{1} : T{0};
  }
};
/// Shifts by the width or more give zero, or the sign for signed types.
struct ShiftLeft {
  template <class T>
  T operator()(T a, u32 by) const {
    return by >= 8 * sizeof(T) ? T{0} : static_cast<T>(static_cast<u64>(a) << by);
  }
};
struct ShiftRight {
  template <class T>
  T operator()(T a, u32 by) const {
    constexpr u32 kBits = 8 * sizeof(T);
    if constexpr (std::is_signed_v<T>) return static_cast<T>(a >> (by >= kBits ? kBits - 1 : by));
    return by >= kBits ? T{0} : static_cast<T>(a >> by);
  }
};
struct ExtractField {
  template <class T>
  T operator()(T a, u32 b, u32 c) const {
    constexpr u32 kBits = 8 * sizeof(T);
    const u32 position = b & 0xFF, length = c & 0xFF;
    using Unsigned = std::make_unsigned_t<T>;
    const auto bits = static_cast<Unsigned>(a);
    const bool sign =
        std::is_signed_v<T> && length != 0 && (bits >> std::min(position + length - 1, kBits - 1) & 1) != 0;
    Unsigned field = position >= kBits ? Unsigned{0} : static_cast<Unsigned>(bits >> position);
    // Beyond the most significant bit the field goes on with the sign.
    const u32 taken = std::min(length, position >= kBits ? 0 : kBits - position);
    const Unsigned kept = taken >= kBits ? ~Unsigned{0} : static_cast<Unsigned>((Unsigned{1} << taken) - 1);
    field &= kept;
    return static_cast<T>(sign ? field | static_cast<Unsigned>(~kept) : field);
  }
};
struct ReverseBits {
  template <class T>
  T operator()(T a) const {
    T reversed = 0;
    for (std::size_t i = 0; i < 8 * sizeof(T); ++i) reversed |= static_cast<T>(a >> i & 1) << (8 * sizeof(T) - 1 - i);
    return reversed;
  }
};
struct LeadingZeros {
  template <class T>
  u32 operator()(T a) const {
    return static_cast<u32>(std::countl_zero(a));
  }
};
struct PopulationCount {
  template <class T>
  u32 operator()(T a) const {
    return static_cast<u32>(std::popcount(a));
  }
};
template <bool kShiftAmount>
struct FindMostSignificant {
  template <class T>
  u32 operator()(T a) const {
    using Unsigned = std::make_unsigned_t<T>;
    const auto bits = static_cast<Unsigned>(std::is_signed_v<T> && a < 0 ? ~a : a);
    if (bits == 0) return 0xFFFFFFFF;
    const auto zeros = static_cast<u32>(std::countl_zero(bits));
    return kShiftAmount ? zeros : static_cast<u32>(8 * sizeof(T)) - 1 - zeros;
  }
};

template <class F>
void predicates2(Warp& warp, const Instruction& instruction, u32 mask) {
  const u32 a = warp.predicate(instruction.operands[1]), b = warp.predicate(instruction.operands[2]);
  warp.set_predicate(instruction.operands[0], F{}(a, b), mask);
}
void predicate_not(Warp& warp, const Instruction& instruction, u32 mask) {
  warp.set_predicate(instruction.operands[0], ~warp.predicate(instruction.operands[1]), mask);
}

template <class F>
void decode_logic(Decoder& d) {
  const Type type = d.take_type();
  if (type == Type::kPred) {
    d.instruction().counted_as = InstructionClass::kCompare;
    d.set(predicates2<F>, {d.predicate(d.text(0)), d.predicate(d.text(1)), d.predicate(d.text(2))});
    return;
  }
  set_same_type(d, integer2<F>(type), type, 3, InstructionClass::kInteger);
}

void decode_not(Decoder& d) {
  const Type type = d.take_type();
  if (type == Type::kPred) {
    d.instruction().counted_as = InstructionClass::kCompare;
    d.set(predicate_not, {d.predicate(d.text(0)), d.predicate(d.text(1))});
    return;
  }
  set_same_type(d, integer1<Not>(type), type, 2, InstructionClass::kInteger);
}

template <class F>
void decode_shift(Decoder& d) {
  const Type type = d.take_type();
  Execute execute = nullptr;
  switch (type) {
    case Type::kB16:
    case Type::kU16: execute = map2<u16, u16, u32, F>; break;
    case Type::kS16: execute = map2<i16, i16, u32, F>; break;
    case Type::kB32:
    case Type::kU32: execute = map2<u32, u32, u32, F>; break;
    case Type::kS32: execute = map2<i32, i32, u32, F>; break;
    case Type::kB64:
    case Type::kU64: execute = map2<u64, u64, u32, F>; break;
    case Type::kS64: execute = map2<i64, i64, u32, F>; break;
    default: d.fail("a type that this opcode does not take");
  }
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(execute, {d.value(0, type), d.value(1, type), d.value(2, Type::kU32)});
}

u32 funnel(u64 both, u32 by, bool left) { return static_cast<u32>(left ? both << by >> 32 : both >> by); }

/// option: bit 0: left, bit 1: clamp (else wrap).
void execute_shf(Warp& warp, const Instruction& instruction, u32 mask) {
  u32* d = warp.at<u32>(instruction.operands[0]);
  const u32* a = warp.at<u32>(instruction.operands[1]);
  const u32* b = warp.at<u32>(instruction.operands[2]);
  const u32* c = warp.at<u32>(instruction.operands[3]);
  const bool left = (instruction.option & 1) != 0, clamps = (instruction.option & 2) != 0;
  for_each_lane(mask, [&](int lane) {
    const u32 by = clamps ? std::min(c[lane], 32U) : c[lane] & 31;
    d[lane] = funnel(u64{b[lane]} << 32 | a[lane], by, left);
  });
}

void decode_shf(Decoder& d) {
  const bool left = d.accept("l");
  if (!left && !d.accept("r")) d.fail(".l or .r expected");
  const bool clamps = d.accept("clamp");
  if (!clamps && !d.accept("wrap")) d.fail(".clamp or .wrap expected");
  d.take_type();
  d.instruction().option = static_cast<u8>((left ? 1 : 0) | (clamps ? 2 : 0));
  set_same_type(d, execute_shf, Type::kB32, 4, InstructionClass::kInteger);
}

void decode_bfe(Decoder& d) {
  const Type type = d.take_type();
  Execute execute = nullptr;
  switch (type) {
    case Type::kU32: execute = map3<u32, u32, u32, u32, ExtractField>; break;
    case Type::kS32: execute = map3<i32, i32, u32, u32, ExtractField>; break;
    case Type::kU64: execute = map3<u64, u64, u32, u32, ExtractField>; break;
    case Type::kS64: execute = map3<i64, i64, u32, u32, ExtractField>; break;
    default: d.fail("a type that this opcode does not take");
  }
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(execute, {d.value(0, type), d.value(1, type), d.value(2, Type::kU32), d.value(3, Type::kU32)});
}

template <class T>
void execute_bfi(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const T* b = warp.at<T>(instruction.operands[2]);
  const u32* c = warp.at<u32>(instruction.operands[3]);
  const u32* e = warp.at<u32>(instruction.operands[4]);
  constexpr u32 kBits = 8 * sizeof(T);
  for_each_lane(mask, [&](int lane) {
    const u32 position = c[lane] & 0xFF, length = e[lane] & 0xFF;
    if (position >= kBits || length == 0) {
      d[lane] = b[lane];
      return;
    }
    const T ones = length >= kBits ? ~T{0} : (T{1} << length) - 1;
    d[lane] = (b[lane] & ~(ones << position)) | ((a[lane] & ones) << position);
  });
}

void decode_bfi(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kB32 && type != Type::kB64) d.fail("a type that this opcode does not take");
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(type == Type::kB32 ? execute_bfi<u32> : execute_bfi<u64>,
        {d.value(0, type), d.value(1, type), d.value(2, type), d.value(3, Type::kU32), d.value(4, Type::kU32)});
}

template <bool kShiftAmount>
Execute bfind_of(Type type) {
  using F = FindMostSignificant<kShiftAmount>;
  switch (type) {
    case Type::kU32: return map1<u32, u32, F>;
    case Type::kS32: return map1<u32, i32, F>;
    case Type::kU64: return map1<u32, u64, F>;
    case Type::kS64: return map1<u32, i64, F>;
    default: return nullptr;
  }
}

void decode_bfind(Decoder& d) {
  const bool shift_amount = d.accept("shiftamt");
  const Type type = d.take_type();
  const Execute execute = shift_amount ? bfind_of<true>(type) : bfind_of<false>(type);
  if (execute == nullptr) d.fail("a type that this opcode does not take");
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(execute, {d.value(0, Type::kU32), d.value(1, type)});
}

template <class F>
void decode_count(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kB32 && type != Type::kB64) d.fail("a type that this opcode does not take");
  d.instruction().counted_as = InstructionClass::kInteger;
  d.set(type == Type::kB32 ? map1<u32, u32, F> : map1<u32, u64, F>, {d.value(0, Type::kU32), d.value(1, type)});
}

void decode_brev(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kB32 && type != Type::kB64) d.fail("a type that this opcode does not take");
  set_same_type(d, type == Type::kB32 ? map1<u32, u32, ReverseBits> : map1<u64, u64, ReverseBits>, type, 2,
                InstructionClass::kInteger);
}

u32 look_up(u32 a, u32 b, u32 c, i64 table) {
  u32 result = 0;
  for (u32 i = 0; i < 8; ++i) {
    if ((table >> i & 1) == 0) continue;
    result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  }
  return result;
}

void execute_lop3(Warp& warp, const Instruction& instruction, u32 mask) {
  u32* d = warp.at<u32>(instruction.operands[0]);
  const u32* a = warp.at<u32>(instruction.operands[1]);
  const u32* b = warp.at<u32>(instruction.operands[2]);
  const u32* c = warp.at<u32>(instruction.operands[3]);
  const i64 table = instruction.immediate;
  each_lane(mask, [=](int lane) { d[lane] = look_up(a[lane], b[lane], c[lane], table); });
}

void decode_lop3(Decoder& d) {
  if (d.take_type() != Type::kB32) d.fail("a type that this opcode does not take");
  d.instruction().immediate = d.integer(d.text(4));
  set_same_type(d, execute_lop3, Type::kB32, 4, InstructionClass::kInteger);
}

enum PermuteMode : u8 { kPermuteDefault, kF4e, kB4e, kRc8, kEcl, kEcr, kRc16 };

u32 permute_selector(u8 mode, u32 c) {
  // A nibble a result byte, the lowest first.
  static constexpr u32 kSelectors[][4] = {{0x3210, 0x4321, 0x5432, 0x6543},   // f4e
                                          {0x5670, 0x6701, 0x7012, 0x0123},   // b4e
                                          {0x0000, 0x1111, 0x2222, 0x3333},   // rc8
                                          {0x3210, 0x3211, 0x3222, 0x3333},   // ecl
                                          {0x0000, 0x1110, 0x2210, 0x3210},   // ecr
                                          {0x1010, 0x3232, 0x1010, 0x3232}};  // rc16
  return mode == kPermuteDefault ? c : kSelectors[mode - 1][c & 3];
}

void execute_prmt(Warp& warp, const Instruction& instruction, u32 mask) {
  u32* d = warp.at<u32>(instruction.operands[0]);
  const u32* a = warp.at<u32>(instruction.operands[1]);
  const u32* b = warp.at<u32>(instruction.operands[2]);
  const u32* c = warp.at<u32>(instruction.operands[3]);
  for_each_lane(mask, [&](int lane) {
    const u64 bytes = u64{b[lane]} << 32 | a[lane];
    const u32 selector = permute_selector(instruction.option, c[lane]);
    u32 result = 0;
    for (u32 i = 0; i < 4; ++i) {
      const u32 nibble = selector >> (4 * i) & 15;
      u32 byte = static_cast<u32>(bytes >> (8 * (nibble & 7))) & 0xFF;
      // The high bit of a selector spreads the byte's sign; the special modes have none.
      if ((nibble & 8) != 0) byte = (byte & 0x80) != 0 ? 0xFF : 0;
      result |= byte << (8 * i);
    }
    d[lane] = result;
  });
}

void decode_prmt(Decoder& d) {
  if (d.take_type() != Type::kB32) d.fail("a type that this opcode does not take");
  const std::string_view mode = d.accept_one_of({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  constexpr std::string_view kModes[] = {"", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
  d.instruction().option = static_cast<u8>(std::find(std::begin(kModes), std::end(kModes), mode) - std::begin(kModes));
  set_same_type(d, execute_prmt, Type::kB32, 4, InstructionClass::kInteger);
}

}  // namespace

void add_bit_opcodes(OpcodeTable& table) {
  table["and"] = decode_logic<And>;
  table["or"] = decode_logic<Or>;
  table["xor"] = decode_logic<Xor>;
  table["not"] = decode_not;
  table["cnot"] = [](Decoder& d) {
    const Type type = d.take_type();
    set_same_type(d, integer1<IsZero>(type), type, 2, InstructionClass::kInteger);
  };
  table["shl"] = decode_shift<ShiftLeft>;
  table["shr"] = decode_shift<ShiftRight>;
  table["shf"] = decode_shf;
  table["bfe"] = decode_bfe;
  table["bfi"] = decode_bfi;
  table["bfind"] = decode_bfind;
  table["brev"] = decode_brev;
  table["clz"] = decode_count<LeadingZeros>;
  table["popc"] = decode_count<PopulationCount>;
  table["lop3"] = decode_lop3;
  table["prmt"] = decode_prmt;
}

}  // namespace segue::ptx
