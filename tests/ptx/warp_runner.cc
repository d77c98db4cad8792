#include "tests/ptx/warp_runner.h"

#include <algorithm>

#include "tests/ptx/barriers.h"
#include "tests/ptx/race_detector.h"

namespace segue::ptx {
namespace {

constexpr u32 kNowhere = ~0U;

/// The smallest pc of the groups that run on and may be met.
u32 next_meeting(const Warp& warp) {
  u32 least = kNowhere;
  for (const Group& group : warp.groups)
    if (group.state == Group::State::kReady) least = std::min(least, group.pc);
  return least;
}

void park(Warp& warp, Group::State state = Group::State::kReady) {
  if (warp.mask == 0) return;
  Group group;
  group.pc = warp.pc;
  group.mask = warp.mask;
  group.state = state;
  warp.groups.push_back(group);
  warp.mask = 0;
}

/// Lanes that were taken aside are ready again. False if there are none.
bool let_go(Warp& warp) {
  bool is_any = false;
  for (Group& group : warp.groups) {
    if (group.state != Group::State::kHeld) continue;
    group.state = Group::State::kReady;
    is_any = true;
  }
  return is_any;
}

/// Chooses the lanes that run next: those at the smallest pc, together with all others there; with a seed sometimes
/// others. Lanes taken aside run when no others can. False if all wait.
bool choose(Warp& warp, bool at_random) {
  std::size_t n_ready = 0, best = 0;
  for (std::size_t i = 0; i < warp.groups.size(); ++i) {
    const Group& group = warp.groups[i];
    if (group.state != Group::State::kReady) continue;
    if (n_ready++ == 0 || group.pc < warp.groups[best].pc) best = i;
  }
  if (n_ready == 0) return let_go(warp) && choose(warp, at_random);
  if (at_random && n_ready > 1) {
    u64 nth = warp.block->launch->random->below(n_ready);
    for (std::size_t i = 0; i < warp.groups.size(); ++i)
      if (warp.groups[i].state == Group::State::kReady && nth-- == 0) best = i;
  }
  warp.pc = warp.groups[best].pc;
  warp.mask = 0;
  std::erase_if(warp.groups, [&](const Group& group) {
    if (group.state != Group::State::kReady || group.pc != warp.pc) return false;
    warp.mask |= group.mask;
    return true;
  });
  return true;
}

/// Takes some lanes of the running group aside: they go on when it waits or its turn ends.
void split(Warp& warp) {
  const u32 kept = warp.mask & static_cast<u32>(warp.block->launch->random->next());
  if (kept == 0 || kept == warp.mask) return;
  Group group;
  group.pc = warp.pc;
  group.mask = warp.mask & ~kept;
  group.state = Group::State::kHeld;
  warp.groups.push_back(group);
  warp.mask = kept;
}

/// The running lanes are at a .sync instruction. True if all its members are there: then they all run it now.
bool gather(Warp& warp, const Instruction& instruction) {
  u32 members = warp.all_lanes;
  if (instruction.mask_operand >= 0) {
    const u32* masks = warp.at<u32>(instruction.operands[instruction.mask_operand]);
    const int first = std::countr_zero(warp.mask);
    members = masks[first];
    u32 same = 0;
    for_each_lane(warp.mask, [&](int lane) {
      if (masks[lane] == members) same |= 1U << lane;
      if ((masks[lane] >> lane & 1) == 0)
        throw KernelFault(FaultKind::kDivergence, lane, "a lane runs a .sync instruction whose mask leaves it out");
    });
    if (same != warp.mask) {  // lanes with other masks are other parties: they come here again by themselves
      Group rest;
      rest.pc = warp.pc;
      rest.mask = warp.mask & ~same;
      warp.groups.push_back(rest);
      warp.mask = same;
    }
  }
  // The manual has the lanes of a partial warp that never were, and (but for bar.warp.sync) exited ones, not waited
  // for.
  const u32 awaited = members & (instruction.option == kSyncNeedsAll ? warp.all_lanes : warp.live);
  if ((awaited & ~warp.live) != 0)
    throw KernelFault(FaultKind::kDivergence, std::countr_zero(warp.mask),
                      "a .sync instruction waits for lanes that have exited");
  u32 present = warp.mask;
  for (const Group& group : warp.groups)
    if (group.state == Group::State::kAtWarpSync && group.members == members && group.pc == warp.pc)
      present |= group.mask;
  if ((awaited & ~present) != 0) {
    park(warp, Group::State::kAtWarpSync);
    warp.groups.back().members = members;
    return false;
  }
  std::erase_if(warp.groups, [&](const Group& group) {
    return group.state == Group::State::kAtWarpSync && group.members == members && group.pc == warp.pc;
  });
  warp.mask = present;
  return true;
}

void exit_lanes(Warp& warp, u32 lanes) {
  warp.live &= ~lanes;
  warp.mask &= ~lanes;
  ++warp.block->launch->n_changes;
  warp.block->n_live_threads -= static_cast<u32>(std::popcount(lanes));
  // Groups that waited for these lanes too look again.
  for (Group& group : warp.groups)
    if (group.state == Group::State::kAtWarpSync) group.state = Group::State::kReady;
  lanes_have_exited(warp);
  if (warp.block->n_live_threads == 0) check_warp_groups(*warp.block);
}

/// The running lanes have tested an mbarrier in vain: others of the warp go first, since it may be these that they wait
/// for. False if there are none but such as tested in vain too: the turn ends.
bool stand_aside(Warp& warp) {
  const bool has_others = std::any_of(warp.groups.begin(), warp.groups.end(), [](const Group& group) {
    return (group.state == Group::State::kReady || group.state == Group::State::kHeld) && !group.in_vain;
  });
  park(warp, Group::State::kHeld);
  warp.groups.back().in_vain = true;
  if (has_others) return choose(warp, false);
  const u64 n_changes = warp.block->launch->n_changes;
  if (warp.vain_since != n_changes) warp.n_vain_turns = 0;
  warp.vain_since = n_changes;
  ++warp.n_vain_turns;
  return false;
}

}  // namespace

bool can_run(const Warp& warp) {
  if (warp.mask != 0) return true;
  return std::any_of(warp.groups.begin(), warp.groups.end(), [](const Group& group) {
    return group.state == Group::State::kReady || group.state == Group::State::kHeld;
  });
}

void run_warp(Warp& warp, u64 budget) {
  Launch& launch = *warp.block->launch;
  const Instruction* const code = launch.kernel->code.data();
  const bool is_random = launch.options->seed != 0 && launch.options->split_warps;
  if (!warp.groups.empty()) {
    park(warp);
    // Now and then lanes stay aside for another turn.
    if (!is_random || launch.random->one_in(2)) let_go(warp);
    if (!choose(warp, is_random ? launch.random->one_in(4) : launch.random->one_in(64))) return;
  }
  if (is_random && launch.random->one_in(8)) split(warp);
  u32 meeting = next_meeting(warp);
  while (budget-- > 0) {
    const Instruction& instruction = code[warp.pc];
    ++launch.executed[warp.pc];
    launch.executed_lanes[warp.pc] += static_cast<u64>(std::popcount(warp.mask));
    ++launch.n_executed;
    u32 active = warp.mask;
    if (instruction.is_guarded) active &= warp.predicate(instruction.guard);
    if (instruction.wgmma_role == WgmmaRole::kTouches && active != 0) touch_wgmma_registers(warp, instruction);
    switch (instruction.flow) {
      case Flow::kPlain:
        if (active != 0) instruction.execute(warp, instruction, active);
        ++warp.pc;
        break;
      case Flow::kTest:
        warp.in_vain = false;
        if (active != 0) instruction.execute(warp, instruction, active);
        ++warp.pc;
        if (!warp.in_vain) break;
        if (!stand_aside(warp)) return;
        meeting = next_meeting(warp);
        break;
      case Flow::kBranch: {
        if (active == warp.mask) {
          warp.pc = instruction.target;
        } else if (active == 0) {
          ++warp.pc;
        } else {
          Group other;
          other.mask = warp.mask & ~active;
          other.pc = warp.pc + 1;
          warp.groups.push_back(other);
          warp.mask = active;
          warp.pc = instruction.target;
          park(warp);
          choose(warp, false);
        }
        meeting = next_meeting(warp);
        break;
      }
      case Flow::kIndexed: {
        const auto& table = launch.kernel->jump_tables[static_cast<std::size_t>(instruction.immediate)];
        const u32* index = warp.at<u32>(instruction.operands[0]);
        for_each_lane(warp.mask, [&](int lane) {
          if ((active >> lane & 1) != 0 && index[lane] >= table.size())
            throw KernelFault(FaultKind::kOutOfBounds, lane, "brx.idx beyond its list");
          Group group;
          group.pc = (active >> lane & 1) != 0 ? table[index[lane]] : warp.pc + 1;
          group.mask = 1U << lane;
          warp.groups.push_back(group);
        });
        warp.mask = 0;
        choose(warp, false);
        meeting = next_meeting(warp);
        break;
      }
      case Flow::kExit:
        exit_lanes(warp, active);
        if (warp.mask != 0) {
          ++warp.pc;
          break;
        }
        if (warp.live == 0 || !choose(warp, false)) return;
        meeting = next_meeting(warp);
        break;
      case Flow::kWarpSync:
        // A guard leaves lanes out: they pass by, the others gather.
        if (active != warp.mask) {
          Group passing;
          passing.mask = warp.mask & ~active;
          passing.pc = warp.pc + 1;
          warp.groups.push_back(passing);
          warp.mask = active;
        }
        if (warp.mask != 0 && gather(warp, instruction)) {
          instruction.execute(warp, instruction, warp.mask);
          ++warp.pc;
          if (!warp.groups.empty()) park(warp);
        }
        if (warp.mask == 0 && !choose(warp, false)) return;
        if (is_random && launch.random->one_in(16)) split(warp);
        meeting = next_meeting(warp);
        break;
      case Flow::kBarrier: {
        if (active != warp.mask) {
          Group passing;
          passing.mask = warp.mask & ~active;
          passing.pc = warp.pc + 1;
          warp.groups.push_back(passing);
          warp.mask = active;
        }
        if (warp.mask != 0) {
          const Group group{warp.pc, warp.mask, Group::State::kAtBarrier, 0, false};
          warp.groups.push_back(group);
          warp.mask = 0;
          arrive_at_barrier(warp, instruction, group.pc);
        }
        if (!choose(warp, false)) return;
        meeting = next_meeting(warp);
        break;
      }
    }
    if (warp.pc >= meeting) {
      park(warp);
      choose(warp, false);
      meeting = next_meeting(warp);
    }
  }
}

}  // namespace segue::ptx
