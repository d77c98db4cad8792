// mbarrier objects in shared memory: 64 bits, here the phase (bit 63), the bytes still to come (bits 40-61, signed),
// the arrivals still to come (bits 20-39) and those of a phase (bits 0-19). The layout is ours: PTX keeps it opaque.

#include "tests/ptx/async_copies.h"
#include "tests/ptx/elementwise.h"
#include "tests/ptx/memory_access.h"
#include "tests/ptx/memory_order.h"
#include "tests/ptx/opcodes.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

struct Phase {
  u32 expected = 0;
  i64 pending = 0, bytes = 0;
  bool odd = false;
};

Phase unpacked(u64 bits) {
  Phase phase;
  phase.expected = static_cast<u32>(bits & 0xFFFFF);
  phase.pending = static_cast<i64>(bits >> 20 & 0xFFFFF);
  phase.bytes = static_cast<i64>(bits << 2) >> 42;
  phase.odd = bits >> 63 != 0;
  return phase;
}

u64 packed(const Phase& phase) {
  return u64{phase.expected} | static_cast<u64>(phase.pending) << 20 |
         (static_cast<u64>(phase.bytes) & 0x3FFFFF) << 40 | u64{phase.odd} << 63;
}

void complete_if_done(Phase& phase) {
  if (phase.pending != 0 || phase.bytes != 0) return;
  phase.odd = !phase.odd;
  phase.pending = phase.expected;
}

enum Action : u8 {
  kInit,
  kInval,
  kArrive,
  kArriveExpect,
  kExpect,
  kDrop,
  kTest,
  kTestParity,
  kArriveCopies,
  kArriveCopiesNoinc
};

/// Operands: address, result (a state, or a predicate for tests) or sink, argument or sink. option: the action.
void execute_mbarrier(Warp& warp, const Instruction& instruction, u32 mask) {
  const auto action = static_cast<Action>(instruction.option);
  if (action == kArriveCopies || action == kArriveCopiesNoinc)
    for_each_lane(mask, [&](int lane) { finish_copies(warp, lane, ~0U); });
  u64 addresses[kLanes];
  u8* data[kLanes];
  addresses_of(warp, instruction, instruction.operands[0], addresses);
  const bool tests = action == kTest || action == kTestParity;
  const AccessKind kind = action == kInit ? AccessKind::kWrite : tests ? AccessKind::kRead : AccessKind::kReadWrite;
  reach(warp, instruction, mask, mask, instruction.space, addresses, {kind, 8, 8, action != kInit && action != kInval},
        data);
  const Operand& result = instruction.operands[1];
  const Operand& argument = instruction.operands[2];
  u32 done = 0;
  for_each_lane(mask, [&](int lane) {
    u64 bits;
    std::memcpy(&bits, data[lane], 8);
    const u64 given = argument.width == 8   ? warp.at<u64>(argument)[lane]
                      : argument.width == 4 ? warp.at<u32>(argument)[lane]
                                            : 1;
    Phase phase = unpacked(bits);
    const u64 before = bits;
    switch (action) {
      case kInit: phase = {static_cast<u32>(given), static_cast<i64>(given), 0, false}; break;
      case kInval: phase = {}; break;
      case kArrive: phase.pending -= static_cast<i64>(given); break;
      case kArriveExpect: phase.bytes += static_cast<i64>(given), phase.pending -= 1; break;
      case kExpect: phase.bytes += static_cast<i64>(given); break;
      case kDrop: phase.pending -= static_cast<i64>(given), phase.expected -= static_cast<u32>(given); break;
      case kArriveCopies: break;  // the arrival is counted in and out again
      case kArriveCopiesNoinc: phase.pending -= 1; break;
      case kTest: done |= (phase.odd != (given >> 63 != 0) ? 1U : 0U) << lane; break;
      case kTestParity: done |= (phase.odd != ((given & 1) != 0) ? 1U : 0U) << lane; break;
    }
    if (phase.pending < 0) throw KernelFault(FaultKind::kMisuse, lane, "more arrivals at an mbarrier than it expects");
    if (action >= kArrive && action != kTest && action != kTestParity && action != kExpect) complete_if_done(phase);
    bits = packed(phase);
    std::memcpy(data[lane], &bits, 8);
    if (result.width == 8) warp.at<u64>(result)[lane] = before;
  });
  if (tests) {
    warp.in_vain = (done & mask) == 0;
    warp.vain_pc = warp.pc;
    warp.set_predicate(result, done, mask);
  }
  if (tests) {
    order_memory(warp, instruction, mask & done, addresses, true, false);
  } else if (action >= kArrive) {
    order_memory(warp, instruction, mask, addresses, true, true);
  }
}

void decode_mbarrier(Decoder& d) {
  Instruction& instruction = d.instruction();
  instruction.counted_as = InstructionClass::kSync;
  const std::string_view name =
      d.accept_one_of({"init", "inval", "arrive", "arrive_drop", "expect_tx", "test_wait", "try_wait"});
  Action action = kInit;
  if (name == "inval") {
    action = kInval;
  } else if (name == "arrive") {
    action = d.accept("expect_tx") ? kArriveExpect : kArrive;
  } else if (name == "arrive_drop") {
    action = kDrop;
  } else if (name == "expect_tx") {
    action = kExpect;
  } else if (name == "test_wait" || name == "try_wait") {
    action = d.accept("parity") ? kTestParity : kTest;
  } else if (name != "init") {
    d.fail("an mbarrier operation that this interpreter does not know");
  }
  const bool relaxed = d.accept("relaxed");
  d.accept_any({"release", "acquire", "cta", "cluster", "noComplete"});
  instruction.space = d.accept_space();
  d.accept_type();
  instruction.option = static_cast<u8>(action);
  const bool tests = action == kTest || action == kTestParity;
  if (tests) instruction.flow = Flow::kTest;
  instruction.acquires = tests && !relaxed;
  instruction.releases = !tests && action != kExpect && !relaxed;
  const bool has_result = d.text(0).kind != OperandText::Kind::kAddress;
  const std::size_t at = has_result ? 1 : 0;
  const Operand address = d.address(d.text(at));
  Operand result, argument;
  if (has_result) result = tests ? d.predicate(d.text(0)) : d.value(0, Type::kB64);
  if (d.n_operands() > at + 1) argument = d.value(at + 1, action == kTest ? Type::kB64 : Type::kB32);
  d.set(execute_mbarrier, {address, result, argument});
}

}  // namespace

void decode_copies_arrive(Decoder& d) {
  if (!d.accept("arrive")) d.fail(".arrive expected");
  const bool noinc = d.accept("noinc");
  d.instruction().space = d.accept_space();
  d.accept_type();
  d.instruction().option = noinc ? kArriveCopiesNoinc : kArriveCopies;
  d.instruction().releases = true;
  d.set(execute_mbarrier, {d.address(d.text(0)), Operand{}, Operand{}});
}

void add_mbarrier_opcodes(OpcodeTable& table) { table["mbarrier"] = decode_mbarrier; }

}  // namespace segue::ptx
