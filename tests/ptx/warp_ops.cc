// What lanes of a warp tell each other: shfl, vote, match, redux, elect, activemask. They wait for each other, but
// order no memory: CUDA's manual says so of each of them; bar.warp.sync (control_ops.cc) does.

#include <algorithm>

#include "tests/ptx/barriers.h"
#include "tests/ptx/elementwise.h"
#include "tests/ptx/opcodes.h"

namespace segue::ptx {
namespace {

void wait_for_members(Decoder& d, std::size_t n_before_mask) {
  d.instruction().flow = Flow::kWarpSync;
  d.instruction().mask_operand = static_cast<i8>(n_before_mask);
  d.instruction().counted_as = InstructionClass::kMove;
}

enum ShuffleMode : u8 { kUp, kDown, kButterfly, kIndex };

/// Operands: d, p, a, b, c, mask. option2: the mode.
void execute_shfl(Warp& warp, const Instruction& instruction, u32 mask) {
  u32* d = warp.at<u32>(instruction.operands[0]);
  u32 a[kLanes];
  std::memcpy(a, warp.at<u32>(instruction.operands[2]), sizeof a);
  const u32* b = warp.at<u32>(instruction.operands[3]);
  const u32* c = warp.at<u32>(instruction.operands[4]);
  u32 in_range = 0;
  for_each_lane(mask, [&](int lane) {
    const int by = static_cast<int>(b[lane] & 31);
    const int clamp = static_cast<int>(c[lane] & 31), segment = static_cast<int>(c[lane] >> 8 & 31);
    const int max_lane = (lane & segment) | (clamp & ~segment);
    const int min_lane = lane & segment;
    int from = lane;
    bool holds = false;
    switch (instruction.option2) {
      case kUp: from = lane - by, holds = from >= max_lane; break;
      case kDown: from = lane + by, holds = from <= max_lane; break;
      case kButterfly: from = lane ^ by, holds = from <= max_lane; break;
      default: from = min_lane | (by & ~segment), holds = from <= max_lane; break;
    }
    if (!holds) from = lane;
    if ((mask >> from & 1) == 0)
      throw KernelFault(
          FaultKind::kDivergence, lane,
          "shfl.sync reads lane " + std::to_string(from) + ", which does not take part: its value is undefined");
    in_range |= (holds ? 1U : 0U) << lane;
    if (instruction.operands[0].width != 0) d[lane] = a[from];
  });
  warp.set_predicate(instruction.operands[1], in_range, mask);
}

void decode_shfl(Decoder& d) {
  if (!d.accept("sync")) d.fail("shfl without .sync is gone since sm_70");
  const std::string_view mode = d.accept_one_of({"up", "down", "bfly", "idx"});
  if (mode.empty()) d.fail("a mode expected");
  if (width_of(d.take_type()) != 4) d.fail("a type that this opcode does not take");
  d.instruction().option2 = mode == "up" ? kUp : mode == "down" ? kDown : mode == "bfly" ? kButterfly : kIndex;
  const OperandText& to = d.text(0);
  const bool is_pair = to.kind == OperandText::Kind::kPair;
  wait_for_members(d, 5);
  d.set(execute_shfl, {d.value(is_pair ? to.parts[0] : to, Type::kB32), is_pair ? d.predicate(to.parts[1]) : Operand{},
                       d.value(1, Type::kB32), d.value(2, Type::kB32), d.value(3, Type::kB32), d.value(4, Type::kB32)});
}

enum VoteMode : u8 { kAll, kAny, kUniform, kBallot };

/// Operands: d, a, mask. option2: the mode.
void execute_vote(Warp& warp, const Instruction& instruction, u32 mask) {
  const u32 holds = warp.predicate(instruction.operands[1]) & mask;
  const Operand& to = instruction.operands[0];
  switch (instruction.option2) {
    case kAll: warp.set_predicate(to, holds == mask ? kAllLanes : 0, mask); break;
    case kAny: warp.set_predicate(to, holds != 0 ? kAllLanes : 0, mask); break;
    case kUniform: warp.set_predicate(to, holds == mask || holds == 0 ? kAllLanes : 0, mask); break;
    default: for_each_lane(mask, [&](int lane) { warp.at<u32>(to)[lane] = holds; });
  }
}

void decode_vote(Decoder& d) {
  if (!d.accept("sync")) d.fail("vote without .sync is gone since sm_70");
  const std::string_view mode = d.accept_one_of({"all", "any", "uni", "ballot"});
  if (mode.empty()) d.fail("a mode expected");
  d.take_type();
  d.instruction().option2 = mode == "all" ? kAll : mode == "any" ? kAny : mode == "uni" ? kUniform : kBallot;
  wait_for_members(d, 2);
  d.set(execute_vote, {mode == "ballot" ? d.value(0, Type::kB32) : d.predicate(d.text(0)), d.predicate(d.text(1)),
                       d.value(2, Type::kB32)});
}

/// Operands: d, p, a, mask. option2 1: match.all.
template <class T>
void execute_match(Warp& warp, const Instruction& instruction, u32 mask) {
  u32* d = warp.at<u32>(instruction.operands[0]);
  T a[kLanes];
  std::memcpy(a, warp.at<T>(instruction.operands[2]), sizeof a);
  u32 all = 0;
  for_each_lane(mask, [&](int lane) {
    u32 same = 0;
    for_each_lane(mask, [&](int other) { same |= (a[other] == a[lane] ? 1U : 0U) << other; });
    if (instruction.option2 == 1 && same != mask) same = 0;
    all |= (same == mask ? 1U : 0U) << lane;
    if (instruction.operands[0].width != 0) d[lane] = same;
  });
  warp.set_predicate(instruction.operands[1], all, mask);
}

void decode_match(Decoder& d) {
  const bool all = d.accept("all");
  if (!all && !d.accept("any")) d.fail(".all or .any expected");
  if (!d.accept("sync")) d.fail(".sync expected");
  const Type type = d.take_type();
  d.instruction().option2 = all ? 1 : 0;
  const OperandText& to = d.text(0);
  const bool is_pair = to.kind == OperandText::Kind::kPair;
  wait_for_members(d, 3);
  d.set(width_of(type) == 8 ? execute_match<u64> : execute_match<u32>,
        {d.value(is_pair ? to.parts[0] : to, Type::kB32), is_pair ? d.predicate(to.parts[1]) : Operand{},
         d.value(1, type), d.value(2, Type::kB32)});
}

enum Reduction : u8 { kAdd, kMin, kMax, kAnd, kOr, kXor };

/// Operands: d, a, mask. option2: the operation, count 1: signed.
void execute_redux(Warp& warp, const Instruction& instruction, u32 mask) {
  const u32* a = warp.at<u32>(instruction.operands[1]);
  u32 result = 0;
  bool is_first = true;
  for_each_lane(mask, [&](int lane) {
    const u32 value = a[lane];
    const bool is_less = instruction.count == 1 ? static_cast<i32>(value) < static_cast<i32>(result) : value < result;
    if (is_first) {
      result = value;
    } else {
      switch (instruction.option2) {
        case kAdd: result += value; break;
        case kMin: result = is_less ? value : result; break;
        case kMax: result = is_less ? result : value; break;
        case kAnd: result &= value; break;
        case kOr: result |= value; break;
        default: result ^= value; break;
      }
    }
    is_first = false;
  });
  for_each_lane(mask, [&](int lane) { warp.at<u32>(instruction.operands[0])[lane] = result; });
}

void decode_redux(Decoder& d) {
  if (!d.accept("sync")) d.fail(".sync expected");
  constexpr std::string_view kNames[] = {"add", "min", "max", "and", "or", "xor"};
  u8 operation = 0;
  while (operation < 6 && !d.accept(kNames[operation])) ++operation;
  if (operation == 6) d.fail("an operation expected");
  const Type type = d.take_type();
  if (width_of(type) != 4 || is_float(type)) d.fail("a type that this opcode does not take");
  d.instruction().option2 = operation;
  d.instruction().count = is_signed(type) ? 1 : 0;
  wait_for_members(d, 2);
  d.set(execute_redux, {d.value(0, type), d.value(1, type), d.value(2, Type::kB32)});
}

void execute_elect(Warp& warp, const Instruction& instruction, u32 mask) {
  const int leader = std::countr_zero(mask);
  if (instruction.operands[0].width != 0)
    for_each_lane(mask, [&](int lane) { warp.at<u32>(instruction.operands[0])[lane] = static_cast<u32>(leader); });
  warp.set_predicate(instruction.operands[1], 1U << leader, mask);
}

void decode_elect(Decoder& d) {
  if (!d.accept("sync") || d.text(0).kind != OperandText::Kind::kPair) d.fail(".sync and d|p expected");
  wait_for_members(d, 2);
  d.set(execute_elect,
        {d.value(d.text(0).parts[0], Type::kB32), d.predicate(d.text(0).parts[1]), d.value(1, Type::kB32)});
}

void execute_activemask(Warp& warp, const Instruction& instruction, u32 mask) {
  for_each_lane(mask, [&](int lane) { warp.at<u32>(instruction.operands[0])[lane] = mask; });
}

void decode_activemask(Decoder& d) {
  d.take_type();
  d.set(execute_activemask, {d.value(0, Type::kB32)});
}

}  // namespace

void add_warp_opcodes(OpcodeTable& table) {
  table["shfl"] = decode_shfl;
  table["vote"] = decode_vote;
  table["match"] = decode_match;
  table["redux"] = decode_redux;
  table["elect"] = decode_elect;
  table["activemask"] = decode_activemask;
}

}  // namespace segue::ptx
