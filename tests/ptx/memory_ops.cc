// ld, st and prefetch, in all spaces.

#include "tests/ptx/barriers.h"
#include "tests/ptx/elementwise.h"
#include "tests/ptx/memory_access.h"
#include "tests/ptx/memory_order.h"
#include "tests/ptx/opcodes.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

template <class To, class From>
void copy_extended(Warp& warp, const Operand& to, u8* const* data, int element, u32 mask) {
  To* d = warp.at<To>(to);
  for_each_lane(mask, [&](int lane) {
    From value;
    std::memcpy(&value, data[lane] + static_cast<std::size_t>(element) * sizeof(From), sizeof value);
    d[lane] = static_cast<To>(value);
  });
}

/// Loads one element of each lane into a register as wide or wider; option 1: sign extension.
void load_element(Warp& warp, const Instruction& instruction, const Operand& to, u8* const* data, int element,
                  u32 mask) {
  const bool sign = instruction.option == 1;
  switch (instruction.width * 32 + to.width * 2 + (sign ? 1 : 0)) {
    case 1 * 32 + 2 * 2: return copy_extended<u16, u8>(warp, to, data, element, mask);
    case 1 * 32 + 2 * 2 + 1: return copy_extended<u16, i8>(warp, to, data, element, mask);
    case 1 * 32 + 4 * 2: return copy_extended<u32, u8>(warp, to, data, element, mask);
    case 1 * 32 + 4 * 2 + 1: return copy_extended<u32, i8>(warp, to, data, element, mask);
    case 1 * 32 + 8 * 2: return copy_extended<u64, u8>(warp, to, data, element, mask);
    case 1 * 32 + 8 * 2 + 1: return copy_extended<u64, i8>(warp, to, data, element, mask);
    case 2 * 32 + 2 * 2:
    case 2 * 32 + 2 * 2 + 1: return copy_extended<u16, u16>(warp, to, data, element, mask);
    case 2 * 32 + 4 * 2: return copy_extended<u32, u16>(warp, to, data, element, mask);
    case 2 * 32 + 4 * 2 + 1: return copy_extended<u32, i16>(warp, to, data, element, mask);
    case 2 * 32 + 8 * 2: return copy_extended<u64, u16>(warp, to, data, element, mask);
    case 2 * 32 + 8 * 2 + 1: return copy_extended<u64, i16>(warp, to, data, element, mask);
    case 4 * 32 + 4 * 2:
    case 4 * 32 + 4 * 2 + 1: return copy_extended<u32, u32>(warp, to, data, element, mask);
    case 4 * 32 + 8 * 2: return copy_extended<u64, u32>(warp, to, data, element, mask);
    case 4 * 32 + 8 * 2 + 1: return copy_extended<u64, i32>(warp, to, data, element, mask);
    case 8 * 32 + 8 * 2:
    case 8 * 32 + 8 * 2 + 1: return copy_extended<u64, u64>(warp, to, data, element, mask);
    default: return copy_extended<u128, u128>(warp, to, data, element, mask);
  }
}

/// Operands: the address, then the destinations.
void execute_ld(Warp& warp, const Instruction& instruction, u32 mask) {
  u64 addresses[kLanes];
  u8* data[kLanes];
  addresses_of(warp, instruction, instruction.operands[0], addresses);
  const int n_bytes = instruction.width * instruction.count;
  reach(warp, instruction, mask, mask, instruction.space, addresses,
        {AccessKind::kRead, n_bytes, n_bytes, instruction.is_strong}, data);
  for (int i = 0; i < instruction.count; ++i)
    if (instruction.operands[1 + i].width != 0)
      load_element(warp, instruction, instruction.operands[1 + i], data, i, mask);
  if (instruction.is_strong) order_memory(warp, instruction, mask, addresses, true, false);
}

/// Lanes whose address no earlier lane has. Lanes that share one must store the same.
u32 distinct_lanes(u32 mask, const u64* addresses, const u8 (*values)[16], int n_bytes) {
  bool is_rising = true;
  u64 last = 0;
  for_each_lane(mask, [&](int lane) {
    is_rising = is_rising && (last == 0 || addresses[lane] >= last + static_cast<u64>(n_bytes));
    last = addresses[lane];
  });
  if (is_rising) return mask;
  u32 distinct = 0;
  for_each_lane(mask, [&](int lane) {
    u32 twin = ~0U;
    for_each_lane(distinct, [&](int earlier) {
      if (addresses[earlier] == addresses[lane]) twin = static_cast<u32>(earlier);
    });
    if (twin == ~0U) {
      distinct |= 1U << lane;
    } else if (std::memcmp(values[twin], values[lane], static_cast<std::size_t>(n_bytes)) != 0) {
      throw KernelFault(FaultKind::kRace, lane,
                        "two lanes store different values to one address in one instruction, the other is lane " +
                            std::to_string(twin));
    }
  });
  return distinct;
}

template <class T>
void gather_elements(u8 (*values)[16], const u8* lanes, int lane_width, int offset, u32 mask) {
  for_each_lane(mask, [&](int lane) { std::memcpy(values[lane] + offset, lanes + lane * lane_width, sizeof(T)); });
}

template <class T>
void put_values(u8* const* data, const u8 (*values)[16], u32 mask) {
  for_each_lane(mask, [&](int lane) { std::memcpy(data[lane], values[lane], sizeof(T)); });
}

/// Operands: the address, then the sources.
void execute_st(Warp& warp, const Instruction& instruction, u32 mask) {
  u64 addresses[kLanes];
  u8* data[kLanes];
  u8 values[kLanes][16];
  addresses_of(warp, instruction, instruction.operands[0], addresses);
  const int width = instruction.width, n_bytes = width * instruction.count;
  for (int i = 0; i < instruction.count; ++i) {
    const Operand& from = instruction.operands[1 + i];
    const u8* lanes = warp.at<u8>(from);
    switch (width) {
      case 1: gather_elements<u8>(values, lanes, from.width, i, mask); break;
      case 2: gather_elements<u16>(values, lanes, from.width, 2 * i, mask); break;
      case 4: gather_elements<u32>(values, lanes, from.width, 4 * i, mask); break;
      case 8: gather_elements<u64>(values, lanes, from.width, 8 * i, mask); break;
      default: gather_elements<u128>(values, lanes, from.width, 0, mask); break;
    }
  }
  // Local memory is a lane's own: the same address there is another place.
  const bool is_shared_by_lanes = instruction.space != Space::kLocal && instruction.space != Space::kGeneric;
  const u32 distinct = is_shared_by_lanes ? distinct_lanes(mask, addresses, values, n_bytes) : mask;
  if (instruction.is_strong) order_memory(warp, instruction, mask, addresses, false, true);
  reach(warp, instruction, mask, distinct, instruction.space, addresses,
        {AccessKind::kWrite, n_bytes, n_bytes, instruction.is_strong}, data);
  switch (n_bytes) {
    case 1: put_values<u8>(data, values, mask); break;
    case 2: put_values<u16>(data, values, mask); break;
    case 4: put_values<u32>(data, values, mask); break;
    case 8: put_values<u64>(data, values, mask); break;
    default: put_values<u128>(data, values, mask); break;
  }
}

InstructionClass class_of(Space space) {
  switch (space) {
    case Space::kGlobal: return InstructionClass::kGlobal;
    case Space::kShared: return InstructionClass::kShared;
    case Space::kLocal: return InstructionClass::kLocal;
    case Space::kConst:
    case Space::kParam: return InstructionClass::kConstant;
    default: return InstructionClass::kGeneric;
  }
}

void decode_access(Decoder& d, bool is_load) {
  Instruction& instruction = d.instruction();
  take_memory_order(d);
  d.accept_any({"nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "unified"});
  d.accept_any({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
  d.accept_any({"L2::evict_normal", "L2::evict_first", "L2::evict_last", "L2::64B", "L2::128B", "L2::256B"});
  const bool has_policy = d.accept("L2::cache_hint");
  instruction.space = d.accept_space();
  int count = d.accept("v2") ? 2 : d.accept("v4") ? 4 : 1;
  const Type type = d.take_type();
  if (type == Type::kPred || type == Type::kF16x2 || type == Type::kBf16x2)
    d.fail("a type that this opcode does not take");
  instruction.width = static_cast<u8>(width_of(type));
  instruction.option = is_load && is_signed(type) ? 1 : 0;
  const OperandText& address = d.text(is_load ? 1 : 0);
  const OperandText& values = d.text(is_load ? 0 : 1);
  std::vector<Operand> operands{d.address(address)};
  const std::size_t n_values = values.kind == OperandText::Kind::kVector ? values.parts.size() : 1;
  if (n_values != static_cast<std::size_t>(count)) d.fail("another number of elements than the vector has");
  if (instruction.width * count > 16) d.fail("a vector of more than 16 bytes");
  for (std::size_t i = 0; i < n_values; ++i) {
    const Operand value = d.loose(values.kind == OperandText::Kind::kVector ? values.parts[i] : values, type);
    if (value.width != 0 && value.width < instruction.width) d.fail("a register narrower than the type");
    if (value.width == 0 && !is_load) d.fail("nothing to store");
    operands.push_back(value);
  }
  if (has_policy) d.value(2, Type::kB64);  // where it is kept changes no value
  instruction.count = static_cast<u8>(count);
  instruction.counted_as = class_of(instruction.space);
  d.set(is_load ? execute_ld : execute_st, std::move(operands));
}

void execute_nothing(Warp&, const Instruction&, u32) {}

void decode_prefetch(Decoder& d) {
  d.accept_any({"L1", "L2", "L2::evict_last", "L2::evict_normal", "tensormap"});
  d.instruction().space = d.accept_space();
  d.instruction().counted_as = InstructionClass::kGlobal;
  d.set(execute_nothing, {d.address(d.text(0))});
}

}  // namespace

void add_memory_opcodes(OpcodeTable& table) {
  table["ld"] = [](Decoder& d) { decode_access(d, true); };
  table["ldu"] = table["ld"];
  table["st"] = [](Decoder& d) { decode_access(d, false); };
  table["prefetch"] = decode_prefetch;
  table["prefetchu"] = decode_prefetch;
}

}  // namespace segue::ptx
