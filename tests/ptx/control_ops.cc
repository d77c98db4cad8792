// Control flow, barriers and fences.

#include "tests/ptx/barriers.h"
#include "tests/ptx/decoder.h"
#include "tests/ptx/device_printf.h"
#include "tests/ptx/opcodes.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

void execute_nothing(Warp&, const Instruction&, u32) {}

void decode_bra(Decoder& d) {
  d.accept("uni");
  d.instruction().flow = Flow::kBranch;
  d.instruction().counted_as = InstructionClass::kControl;
  d.instruction().target = d.label(d.text(0));
  d.set(execute_nothing, {});
}

void decode_brx(Decoder& d) {
  if (!d.accept("idx")) d.fail(".idx expected");
  d.accept("uni");
  d.instruction().flow = Flow::kIndexed;
  d.instruction().counted_as = InstructionClass::kControl;
  d.instruction().immediate = d.jump_table(d.text(1));
  d.set(execute_nothing, {d.value(0, Type::kU32)});
}

void decode_exit(Decoder& d) {
  d.instruction().flow = Flow::kExit;
  d.instruction().counted_as = InstructionClass::kControl;
  d.set(execute_nothing, {});
}

void decode_ret(Decoder& d) {
  d.accept("uni");
  decode_exit(d);
  if (d.leave_function()) d.instruction().flow = Flow::kBranch;
}

void execute_trap(Warp&, const Instruction&, u32 mask) {
  throw KernelFault(FaultKind::kTrap, std::countr_zero(mask), "trap");
}

void decode_call(Decoder& d) {
  d.accept("uni");
  std::size_t at = d.text(0).kind == OperandText::Kind::kList ? 1 : 0;
  const std::string_view name = d.text(at).name;
  if (name != "vprintf" && name != "__assertfail") return d.call();
  std::vector<Operand> operands;
  for (const OperandText& argument : d.text(at + 1).parts) operands.push_back(d.value(argument, Type::kU64));
  d.instruction().counted_as = InstructionClass::kControl;
  d.set(name == "vprintf" ? execute_printf : execute_assertfail, std::move(operands));
}

void execute_fence(Warp& warp, const Instruction& instruction, u32 mask) {
  // A fence of the block's scope orders nothing for other blocks, and inside a block barriers do it.
  RaceDetector* races = warp.block->launch->races;
  if (races != nullptr && !instruction.is_block_scope) races->fence(warp, mask);
}

void execute_proxy_fence(Warp& warp, const Instruction&, u32 mask) {
  if (AsyncProxy* proxy = warp.block->async_proxy.get(); proxy != nullptr)
    for_each_lane(mask, [&](int lane) { proxy->fence(warp, lane); });
}

void decode_fence(Decoder& d) {
  d.instruction().counted_as = InstructionClass::kSync;
  const auto& modifiers = d.item().modifiers;
  if (modifiers.size() >= 2 && modifiers[0] == "proxy" && modifiers[1] == "async") {
    d.accept_any({"proxy", "async"});
    const bool is_elsewhere = d.accept("global");
    d.accept_any({"shared::cta", "shared::cluster"});
    d.set(is_elsewhere ? execute_nothing : execute_proxy_fence, {});
    return;
  }
  if (d.accept_any({"proxy", "mbarrier_init"})) {
    d.accept_any({"alias", "tensormap::generic", "release", "acquire", "cluster", "gpu", "sys"});
    d.accept_any({"global", "shared::cta", "shared::cluster"});
    d.set(execute_nothing, {});
    return;
  }
  d.accept_any({"sc", "acq_rel", "acquire", "release"});
  d.instruction().is_block_scope = d.accept("cta");
  if (!d.instruction().is_block_scope && !d.accept_any({"gl", "gpu", "sys", "cluster"})) d.fail("a scope expected");
  d.set(execute_fence, {});
}

void execute_warp_barrier(Warp& warp, const Instruction&, u32 mask) {
  if (RaceDetector* races = warp.block->launch->races; races != nullptr) races->synchronise(warp, mask);
}

/// Operands: id, thread count or sink, predicate, destination.
void decode_bar(Decoder& d, bool is_aligned) {
  Instruction& instruction = d.instruction();
  instruction.counted_as = InstructionClass::kSync;
  if (d.accept("warp")) {
    if (!d.accept("sync")) d.fail(".sync expected");
    instruction.flow = Flow::kWarpSync;
    instruction.mask_operand = 0;
    instruction.option = kSyncNeedsAll;
    d.set(execute_warp_barrier, {d.value(0, Type::kB32)});
    return;
  }
  d.accept("cta");
  instruction.flow = Flow::kBarrier;
  const bool sync = d.accept("sync"), arrive = !sync && d.accept("arrive"),
             reduces = !sync && !arrive && d.accept("red");
  if (!sync && !arrive && !reduces) d.fail("an unknown barrier");
  instruction.option2 = d.accept("aligned") || is_aligned ? 1 : 0;
  Operand count, predicate, to;
  std::size_t at = 0;
  if (reduces) {
    const std::string_view operation = d.accept_one_of({"popc", "and", "or"});
    instruction.option = operation == "popc" ? kBarrierRedPopc : operation == "and" ? kBarrierRedAnd : kBarrierRedOr;
    d.take_type();
    to = operation == "popc" ? d.value(0, Type::kU32) : d.predicate(d.text(0));
    at = 1;
    predicate = d.predicate(d.text(d.n_operands() - 1));
    if (d.n_operands() == 4) count = d.value(2, Type::kU32);
  } else {
    instruction.option = arrive ? kBarrierArrive : kBarrierSync;
    if (d.n_operands() == 2) count = d.value(1, Type::kU32);
  }
  if (arrive && count.width == 0) d.fail("a thread count expected");
  d.set(execute_nothing, {d.value(at, Type::kU32), count, predicate, to});
}

void decode_nanosleep(Decoder& d) {
  d.accept("u32");
  d.instruction().counted_as = InstructionClass::kControl;
  d.set(execute_nothing, {d.value(0, Type::kU32)});
}

/// How many registers a thread has is for ptxas: nothing to do, but to hold it to the manual.
void decode_setmaxnreg(Decoder& d) {
  if (!d.accept_any({"inc", "dec"}) || !d.accept("sync") || !d.accept("aligned") || !d.accept("u32"))
    d.fail(".inc or .dec, and .sync.aligned.u32 expected");
  const i64 count = d.integer(d.text(0));
  if (count < 24 || count > 256 || count % 8 != 0) d.fail("a multiple of 8 from 24 to 256 expected");
  d.instruction().flow = Flow::kWarpSync;
  d.instruction().option = kSyncNeedsAll;
  d.instruction().counted_as = InstructionClass::kControl;
  d.set(execute_nothing, {});
}

}  // namespace

void add_control_opcodes(OpcodeTable& table) {
  table["bra"] = decode_bra;
  table["brx"] = decode_brx;
  table["call"] = decode_call;
  table["ret"] = decode_ret;
  table["exit"] = decode_exit;
  table["trap"] = [](Decoder& d) { d.set(execute_trap, {}); };
  table["brkpt"] = table["trap"];
  table["membar"] = decode_fence;
  table["fence"] = decode_fence;
  table["bar"] = [](Decoder& d) { decode_bar(d, true); };
  table["barrier"] = [](Decoder& d) { decode_bar(d, false); };
  table["nanosleep"] = decode_nanosleep;
  table["setmaxnreg"] = decode_setmaxnreg;
}

}  // namespace segue::ptx
