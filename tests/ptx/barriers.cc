#include "tests/ptx/barriers.h"

#include <algorithm>

#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

/// Instruction::operands of a barrier: [0] id, [1] thread count or sink, [2] predicate of a reduction, [3] destination.
void release(Block& block, Barrier& barrier) {
  RaceDetector* races = block.launch->races;
  ++block.launch->n_changes;
  const bool is_whole = (barrier.expected == 0 || barrier.n_arrived == block.n_live_threads) && !barrier.has_passers;
  if (races != nullptr) {
    if (is_whole) {
      races->block_barrier(block);
    } else {
      races->partial_barrier(barrier.arrived, barrier.of_passers);
    }
  }
  for (const auto& [warp, lanes] : barrier.arrived) {
    for (Group& group : warp->groups) {
      if (group.state != Group::State::kAtBarrier || !group.has_arrived || (group.mask & lanes) == 0) continue;
      const Instruction& instruction = block.launch->kernel->code[group.pc];
      if (instruction.option >= kBarrierRedPopc && instruction.option <= kBarrierRedOr) {
        const Operand& to = instruction.operands[3];
        if (instruction.option == kBarrierRedPopc) {
          for_each_lane(group.mask, [&, warp = warp](int lane) { warp->at<u32>(to)[lane] = barrier.reduced_count; });
        } else {
          const bool holds = instruction.option == kBarrierRedAnd ? barrier.reduced_count == barrier.n_arrived
                                                                  : barrier.reduced_count > 0;
          warp->set_predicate(to, holds ? kAllLanes : 0, group.mask);
        }
      }
      group.state = Group::State::kReady;
      ++group.pc;
    }
  }
  barrier = {};
}

void check_complete(Block& block, Barrier& barrier) {
  if (barrier.n_arrived == 0) return;
  if (barrier.n_arrived >= (barrier.expected != 0 ? barrier.expected : block.n_live_threads)) release(block, barrier);
}

}  // namespace

void arrive_at_barrier(Warp& warp, const Instruction& instruction, u32 pc) {
  Block& block = *warp.block;
  // `.aligned` (bar.sync) speaks for the whole warp: its lanes are counted when all of them are here.
  const bool is_aligned = instruction.option2 != 0;
  u32 here = 0;
  for (const Group& group : warp.groups)
    if (group.state == Group::State::kAtBarrier && group.pc == pc && !group.has_arrived) here |= group.mask;
  if (is_aligned) {
    for (const Group& group : warp.groups) {
      if (group.state == Group::State::kAtBarrier && group.pc != pc && !group.has_arrived && here + 0U != 0 &&
          (here | group.mask) == warp.live)
        throw KernelFault(
            FaultKind::kDivergence, std::countr_zero(group.mask),
            "lanes of one warp wait at different barriers, " + block.launch->kernel->place_of(group.pc) + " and here");
    }
    if (here != warp.live) return;
  }
  const u32 id = warp.at<u32>(instruction.operands[0])[std::countr_zero(here)];
  if (id >= block.barriers.size()) throw KernelFault(FaultKind::kMisuse, -1, "a barrier number above 15");
  Barrier& barrier = block.barriers[id];
  const u32 expected =
      instruction.operands[1].width == 0 ? 0 : warp.at<u32>(instruction.operands[1])[std::countr_zero(here)];
  if (expected % kLanes != 0)
    throw KernelFault(FaultKind::kMisuse, -1, "a barrier for a number of threads that is no multiple of 32");
  if (barrier.n_arrived != 0 && barrier.expected != expected)
    throw KernelFault(FaultKind::kDivergence, -1, "a barrier whose threads give different thread counts");
  barrier.expected = expected;
  barrier.n_arrived += static_cast<u32>(std::popcount(here));
  // A partial warp counts as a whole one where threads are counted by the warp.
  if (expected != 0 && is_aligned) barrier.n_arrived += kLanes - static_cast<u32>(std::popcount(here));
  if (instruction.option == kBarrierArrive) {
    barrier.has_passers = true;
    if (RaceDetector* races = block.launch->races; races != nullptr) races->publish(warp, here, barrier.of_passers);
  } else {
    barrier.arrived.emplace_back(&warp, here);
  }
  if (instruction.option >= kBarrierRedPopc && instruction.option <= kBarrierRedOr)
    barrier.reduced_count += static_cast<u32>(std::popcount(warp.predicate(instruction.operands[2]) & here));
  for (Group& group : warp.groups) {
    if (group.state != Group::State::kAtBarrier || group.pc != pc || group.has_arrived) continue;
    group.has_arrived = true;
    if (instruction.option == kBarrierArrive) {  // does not wait
      group.state = Group::State::kReady;
      group.has_arrived = false;
      ++group.pc;
    }
  }
  check_complete(block, barrier);
}

void lanes_have_exited(Warp& warp) {
  Block& block = *warp.block;
  // The rest of a warp may be complete now that some lanes are gone.
  if (warp.live != 0) {
    for (std::size_t i = 0; i < warp.groups.size(); ++i) {
      const Group& group = warp.groups[i];
      if (group.state != Group::State::kAtBarrier || group.has_arrived) continue;
      arrive_at_barrier(warp, block.launch->kernel->code[group.pc], group.pc);
      break;
    }
  }
  if (block.n_live_threads == 0) return;
  for (Barrier& barrier : block.barriers)
    if (barrier.expected == 0) check_complete(block, barrier);
}

}  // namespace segue::ptx
