// atom and red.

#include <algorithm>

#include "tests/ptx/elementwise.h"
#include "tests/ptx/half_arithmetic.h"
#include "tests/ptx/memory_access.h"
#include "tests/ptx/memory_order.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

enum Operation : u8 { kAnd, kOr, kXor, kCas, kExch, kAdd, kInc, kDec, kMin, kMax };

template <class T>
T next_integer(Operation operation, T old, T b, T c) {
  switch (operation) {
    case kAnd: return old & b;
    case kOr: return old | b;
    case kXor: return old ^ b;
    case kCas: return old == b ? c : old;
    case kExch: return b;
    case kAdd: return static_cast<T>(static_cast<u64>(old) + static_cast<u64>(b));
    case kInc: return old >= b ? T{0} : static_cast<T>(old + 1);
    case kDec: return old == 0 || old > b ? b : static_cast<T>(old - 1);
    case kMin: return std::min(old, b);
    default: return std::max(old, b);
  }
}

u16 add_half(u16 a, u16 b, bool is_bfloat) {
  return is_bfloat ? bfloat_bits(fused_to_odd(bfloat_value(a), 1, bfloat_value(b)))
                   : half_bits(fused_to_odd(half_value(a), 1, half_value(b)));
}

u64 next_value(Operation operation, Type type, u64 old, u64 b, u64 c) {
  switch (type) {
    case Type::kS32:
      return static_cast<u32>(
          next_integer<i32>(operation, static_cast<i32>(old), static_cast<i32>(b), static_cast<i32>(c)));
    case Type::kS64:
      return static_cast<u64>(
          next_integer<i64>(operation, static_cast<i64>(old), static_cast<i64>(b), static_cast<i64>(c)));
    case Type::kB64:
    case Type::kU64: return next_integer<u64>(operation, old, b, c);
    case Type::kB16:
      return next_integer<u16>(operation, static_cast<u16>(old), static_cast<u16>(b), static_cast<u16>(c));
    case Type::kF32: return bits_as<u32>(bits_as<float>(static_cast<u32>(old)) + bits_as<float>(static_cast<u32>(b)));
    case Type::kF64: return bits_as<u64>(bits_as<double>(old) + bits_as<double>(b));
    case Type::kF16:
    case Type::kBf16: return add_half(static_cast<u16>(old), static_cast<u16>(b), type == Type::kBf16);
    case Type::kF16x2:
    case Type::kBf16x2: {
      const bool is_bfloat = type == Type::kBf16x2;
      const u32 low = add_half(static_cast<u16>(old), static_cast<u16>(b), is_bfloat);
      return u32{add_half(static_cast<u16>(old >> 16), static_cast<u16>(b >> 16), is_bfloat)} << 16 | low;
    }
    default: return next_integer<u32>(operation, static_cast<u32>(old), static_cast<u32>(b), static_cast<u32>(c));
  }
}

/// Operands: the address, the old value (or sink), b, c. option: the operation, option2: the type.
void execute_atomic(Warp& warp, const Instruction& instruction, u32 mask) {
  u64 addresses[kLanes];
  u8* data[kLanes];
  addresses_of(warp, instruction, instruction.operands[0], addresses);
  reach(warp, instruction, mask, mask, instruction.space, addresses,
        {AccessKind::kReadWrite, instruction.width, instruction.width, true}, data);
  const auto operation = static_cast<Operation>(instruction.option);
  const auto type = static_cast<Type>(instruction.option2);
  const auto value = [&](int operand, int lane) {
    u64 bits = 0;
    const Operand& from = instruction.operands[operand];
    if (from.width != 0) std::memcpy(&bits, warp.at<u8>(from) + lane * from.width, instruction.width);
    return bits;
  };
  const auto one = [&](int lane) {
    u64 old = 0;
    std::memcpy(&old, data[lane], instruction.width);
    const u64 next = next_value(operation, type, old, value(2, lane), value(3, lane));
    std::memcpy(data[lane], &next, instruction.width);
    const Operand& to = instruction.operands[1];
    if (to.width != 0) std::memcpy(warp.at<u8>(to) + lane * to.width, &old, to.width);
  };
  // No order among the lanes is promised.
  const u32 first = static_cast<u32>(warp.block->launch->random->below(kLanes));
  const u32 above = kAllLanes << first;
  if (warp.block->launch->options->seed == 0) {
    for_each_lane(mask, one);
  } else {
    for_each_lane(mask & above, one);
    for_each_lane(mask & ~above, one);
  }
  order_memory(warp, instruction, mask, addresses, true, true);
  if (Counters* counters = warp.block->launch->counters; counters != nullptr)
    counters->n_atomics += static_cast<u64>(std::popcount(mask));
}

void decode_atomic(Decoder& d, bool has_result) {
  Instruction& instruction = d.instruction();
  take_memory_order(d);
  instruction.space = d.accept_space();
  constexpr std::string_view kNames[] = {"and", "or", "xor", "cas", "exch", "add", "inc", "dec", "min", "max"};
  std::size_t operation = 0;
  while (operation < std::size(kNames) && !d.accept(kNames[operation])) ++operation;
  if (operation == std::size(kNames)) d.fail("an operation expected");
  d.accept("noftz");
  d.accept("L2::cache_hint");
  const Type type = d.take_type();
  if (is_float(type) && operation != kAdd) d.fail("a type that this operation does not take");
  if (width_of(type) > 8 || width_of(type) < 2 || type == Type::kPred) d.fail("a type that this opcode does not take");
  instruction.option = static_cast<u8>(operation);
  instruction.option2 = static_cast<u8>(type);
  instruction.width = static_cast<u8>(width_of(type));
  instruction.counted_as = InstructionClass::kAtomic;
  const std::size_t at = has_result ? 1 : 0;
  const Operand address = d.address(d.text(at));
  d.set(execute_atomic, {address, has_result ? d.value(0, type) : Operand{}, d.value(at + 1, type),
                         operation == kCas ? d.value(at + 2, type) : Operand{}});
}

}  // namespace

void add_atomic_opcodes(OpcodeTable& table) {
  table["atom"] = [](Decoder& d) { decode_atomic(d, true); };
  table["red"] = [](Decoder& d) { decode_atomic(d, false); };
}

}  // namespace segue::ptx
