// mov, with packing and unpacking; cvta and isspacep.

#include "tests/ptx/elementwise.h"
#include "tests/ptx/memory_access.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

struct Same {
  template <class T>
  T operator()(T value) const {
    return value;
  }
};

void move_predicate(Warp& warp, const Instruction& instruction, u32 mask) {
  warp.set_predicate(instruction.operands[0], warp.predicate(instruction.operands[1]), mask);
}

/// A clock that only runs forward: the instructions of the launch so far.
void move_clock(Warp& warp, const Instruction& instruction, u32 mask) {
  const u64 now = warp.block->launch->n_executed * 4 >> (instruction.option == 1 ? 32 : 0);
  const Operand& to = instruction.operands[0];
  for_each_lane(mask, [&](int lane) { std::memcpy(warp.at<u8>(to) + lane * to.width, &now, to.width); });
}

/// Elements of `width` bytes of one value; option 1: apart, 0: together. Operands: the value, then the elements.
void move_elements(Warp& warp, const Instruction& instruction, u32 mask) {
  const Operand& whole = instruction.operands[0];
  for_each_lane(mask, [&](int lane) {
    u8 bytes[16] = {};
    u8* const at = warp.at<u8>(whole) + lane * whole.width;
    if (instruction.option == 1) std::memcpy(bytes, at, whole.width);
    for (int i = 1; i < instruction.n_operands; ++i) {
      const Operand& element = instruction.operands[i];
      if (element.width == 0) continue;
      u8* const part = warp.at<u8>(element) + lane * element.width;
      u8* const in_whole = bytes + (i - 1) * instruction.width;
      if (instruction.option == 1) {
        std::memset(part, 0, element.width);
        std::memcpy(part, in_whole, instruction.width);
      } else {
        std::memcpy(in_whole, part, instruction.width);
      }
    }
    if (instruction.option == 0) std::memcpy(at, bytes, whole.width);
  });
}

Type element_type(int bytes) {
  return bytes == 1 ? Type::kB8 : bytes == 2 ? Type::kB16 : bytes == 4 ? Type::kB32 : Type::kB64;
}

void decode_mov(Decoder& d) {
  Instruction& instruction = d.instruction();
  const Type type = d.take_type();
  instruction.counted_as = InstructionClass::kMove;
  if (type == Type::kPred) return d.set(move_predicate, {d.predicate(d.text(0)), d.predicate(d.text(1))});
  const bool apart = d.text(0).kind == OperandText::Kind::kVector,
             together = d.text(1).kind == OperandText::Kind::kVector;
  if (apart && together) d.fail("a vector on both sides");
  if (apart || together) {
    const auto& parts = d.text(apart ? 0 : 1).parts;
    const int width = width_of(type) / static_cast<int>(parts.size());
    instruction.option = apart ? 1 : 0;
    instruction.width = static_cast<u8>(width);
    std::vector<Operand> operands{d.value(apart ? 1 : 0, type)};
    for (const OperandText& part : parts) {
      operands.push_back(d.loose(part, element_type(width)));
      if (operands.back().width != 0 && operands.back().width < width) d.fail("a register narrower than its element");
    }
    return d.set(move_elements, std::move(operands));
  }
  const std::string_view from = d.text(1).name;
  if (from == "%clock" || from == "%clock64" || from == "%clock_hi" || from == "%globaltimer" ||
      from == "%globaltimer_lo" || from == "%globaltimer_hi") {
    instruction.option = from.ends_with("_hi") ? 1 : 0;
    return d.set(move_clock, {d.value(0, type)});
  }
  switch (width_of(type)) {
    case 2: return set_same_type(d, map1<u16, u16, Same>, type, 2, InstructionClass::kMove);
    case 4: return set_same_type(d, map1<u32, u32, Same>, type, 2, InstructionClass::kMove);
    case 8: return set_same_type(d, map1<u64, u64, Same>, type, 2, InstructionClass::kMove);
    case 16: return set_same_type(d, map1<u128, u128, Same>, type, 2, InstructionClass::kMove);
    default: d.fail("a type that this opcode does not take");
  }
}

/// immediate: what is added. A null pointer stays what it is in no space: the windows begin above it.
template <class T>
void execute_cvta(Warp& warp, const Instruction& instruction, u32 mask) {
  T* d = warp.at<T>(instruction.operands[0]);
  const T* a = warp.at<T>(instruction.operands[1]);
  const auto add = static_cast<T>(instruction.immediate);
  each_lane(mask, [=](int lane) { d[lane] = a[lane] + add; });
}

void decode_cvta(Decoder& d) {
  const bool to_space = d.accept("to");
  const Space space = d.accept_space();
  const Type type = d.take_type();
  u64 window = 0;
  if (space == Space::kShared) window = kSharedWindow;
  if (space == Space::kLocal) window = kLocalWindow;
  if (space == Space::kParam) window = kParamWindow;
  d.instruction().immediate = static_cast<i64>(to_space ? 0 - window : window);
  set_same_type(d, width_of(type) == 8 ? execute_cvta<u64> : execute_cvta<u32>, type, 2, InstructionClass::kMove);
}

void execute_isspacep(Warp& warp, const Instruction& instruction, u32 mask) {
  const u64* a = warp.at<u64>(instruction.operands[1]);
  u32 result = 0;
  for_each_lane(mask, [&](int lane) {
    u64 unused;
    result |= (space_of_generic(a[lane], &unused) == instruction.space ? 1U : 0U) << lane;
  });
  warp.set_predicate(instruction.operands[0], result, mask);
}

void decode_isspacep(Decoder& d) {
  d.instruction().space = d.accept_space();
  d.instruction().counted_as = InstructionClass::kCompare;
  d.set(execute_isspacep, {d.predicate(d.text(0)), d.value(1, Type::kU64)});
}

}  // namespace

void add_move_opcodes(OpcodeTable& table) {
  table["mov"] = decode_mov;
  table["cvta"] = decode_cvta;
  table["isspacep"] = decode_isspacep;
}

}  // namespace segue::ptx
