// The rules of wgmma for registers and for the four warps of a group.

#include "tests/ptx/wgmma_state.h"

#include <algorithm>

#include "tests/ptx/block.h"

namespace segue::ptx {
namespace {

constexpr u32 kWarpsOfGroup = 4;

WgmmaRegister& register_of(Warp& warp, const Operand& operand) {
  const u16 index = warp.block->launch->kernel->wgmma_registers[operand.offset / 64];
  return warp.wgmma->registers[index - 1U];
}

}  // namespace

void start_wgmma(Block& block) {
  const Kernel& kernel = *block.launch->kernel;
  const std::size_t n_warps = block.warps.size();
  if (block.async_proxy == nullptr) block.async_proxy = std::make_unique<AsyncProxy>();
  block.async_proxy->start(block.shared.size(), n_warps * kLanes);
  block.warp_groups.assign((n_warps + kWarpsOfGroup - 1) / kWarpsOfGroup, {});
  for (const auto& warp : block.warps) {
    warp->wgmma = std::make_unique<WgmmaOfWarp>();
    warp->wgmma->registers.resize(kernel.n_wgmma_registers);
    warp->clocks.async_id = warp->id + static_cast<u32>(n_warps);
  }
}

void touch_wgmma_registers(Warp& warp, const Instruction& instruction) {
  const std::vector<u16>& indices = warp.block->launch->kernel->wgmma_registers;
  for (std::size_t i = 0; i < instruction.n_operands; ++i) {
    const Operand& operand = instruction.operands[i];
    if (operand.bank != 0 || operand.width == 0 || indices[operand.offset / 64] == 0) continue;
    WgmmaRegister& touched = register_of(warp, operand);
    if (touched.n_under_way != 0)
      throw KernelFault(FaultKind::kInFlight, std::countr_zero(warp.mask),
                        std::string(touched.is_accumulator ? "an accumulator" : "a fragment of A") +
                            " of wgmma in flight: an instruction touches a register of a wgmma.mma_async that was "
                            "not waited for");
    touched.order = WgmmaRegister::Order::kTouched;
  }
}

void meet_in_warp_group(Warp& warp, const WarpGroup::Entry& entry) {
  Block& block = *warp.block;
  const u32 first = warp.index / kWarpsOfGroup * kWarpsOfGroup;
  if (block.warps.size() < first + kWarpsOfGroup || block.warps[first + kWarpsOfGroup - 1]->all_lanes != kAllLanes)
    throw KernelFault(FaultKind::kMisuse, -1, "wgmma in a group of fewer than four whole warps");
  WarpGroup& group = block.warp_groups[warp.index / kWarpsOfGroup];
  const u64 nth = warp.wgmma->n_instructions++ - group.n_dropped;
  if (nth == group.entries.size()) {
    group.entries.push_back(entry);
  } else if (group.entries[nth] != entry) {
    const WarpGroup::Entry& other = group.entries[nth];
    throw KernelFault(FaultKind::kDivergence, -1,
                      other.pc != entry.pc
                          ? "the warps of a warpgroup are at different wgmma instructions: another came to " +
                                block.launch->kernel->place_of(other.pc)
                          : std::string("the warps of a warpgroup give different descriptors or scale-d to wgmma"));
  }
  u64 least = ~u64{0};
  for (u32 i = 0; i < kWarpsOfGroup; ++i) least = std::min(least, block.warps[first + i]->wgmma->n_instructions);
  for (; group.n_dropped < least; ++group.n_dropped) group.entries.pop_front();
}

void check_warp_groups(const Block& block) {
  for (const WarpGroup& group : block.warp_groups)
    if (!group.entries.empty())
      throw KernelFault(FaultKind::kDivergence, -1,
                        "not all warps of a warpgroup have come to the wgmma instruction at " +
                            block.launch->kernel->place_of(group.entries.front().pc));
}

void fence_wgmma_registers(Warp& warp) {
  for (WgmmaRegister& each : warp.wgmma->registers)
    if (each.n_under_way == 0) each.order = WgmmaRegister::Order::kFenced;
}

void take_wgmma_register(Warp& warp, const Operand& operand, u32 shape, int place) {
  using Order = WgmmaRegister::Order;
  WgmmaRegister& taken = register_of(warp, operand);
  const bool is_accumulator = place >= 0;
  const bool is_same = is_accumulator && taken.shape == shape && taken.place == static_cast<u32>(place);
  if (taken.n_under_way != 0) {
    if (taken.is_accumulator != is_accumulator || (is_accumulator && !is_same))
      throw KernelFault(FaultKind::kInFlight, -1,
                        std::string(taken.is_accumulator ? "an accumulator" : "a fragment of A") +
                            " of wgmma in flight: a wgmma of another shape, or in another place, takes its register");
  } else if (taken.order == Order::kTouched || (taken.order == Order::kAccumulated && !is_same)) {
    throw KernelFault(FaultKind::kMisuse, -1,
                      std::string("there is no wgmma.fence between the last access of ") +
                          (is_accumulator ? "an accumulator" : "a fragment of A") + " and the wgmma that takes it");
  }
  taken.is_accumulator = is_accumulator;
  if (is_accumulator) {
    taken.shape = shape;
    taken.place = static_cast<u32>(place);
  }
  ++taken.n_under_way;
}

void give_wgmma_register(Warp& warp, const Operand& operand) {
  WgmmaRegister& given = register_of(warp, operand);
  if (--given.n_under_way == 0 && given.is_accumulator) given.order = WgmmaRegister::Order::kAccumulated;
}

}  // namespace segue::ptx
