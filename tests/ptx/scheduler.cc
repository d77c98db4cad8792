#include "tests/ptx/scheduler.h"

#include <algorithm>
#include <numeric>

#include "tests/ptx/block_start.h"
#include "tests/ptx/race_detector.h"
#include "tests/ptx/warp_runner.h"

namespace segue::ptx {
namespace {

constexpr u64 kVainTurns = 10'000;  // of a warp that tests mbarriers without success
constexpr u64 kPatience = 200'000;  // warp instructions without an end of a block, before another joins

class Scheduler {
 public:
  explicit Scheduler(Launch& launch) : launch_(launch), random_(*launch.random) {
    order_.resize(launch.grid.count());
    std::iota(order_.begin(), order_.end(), u64{0});
    if (launch.options->seed != 0) {
      for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_.below(i)]);
    }
  }

  bool run() {
    while (next_block_ < order_.size() &&
           resident_.size() < static_cast<std::size_t>(std::max(1, launch_.options->resident_blocks)))
      admit();
    u64 last_end = 0;
    while (!resident_.empty()) {
      const std::size_t b = launch_.options->seed == 0 ? turn_ % resident_.size() : random_.below(resident_.size());
      ++turn_;
      Block& block = *resident_[b];
      const bool has_run = run_some_warp(block);
      if (block.n_live_threads == 0) {
        idle_.push_back(std::move(resident_[b]));
        resident_.erase(resident_.begin() + static_cast<std::ptrdiff_t>(b));
        last_end = launch_.n_executed;
        if (next_block_ < order_.size()) admit();
        continue;
      }
      if (!has_run && !any_can_run()) {
        describe_deadlock(block);
        return false;
      }
      if (turn_ % kVainTurns == 0 && next_block_ == order_.size() && all_wait_in_vain()) {
        describe_vain_wait(block);
        return false;
      }
      // Blocks that wait for others of the grid: hardware would hold more at once.
      if (launch_.n_executed - last_end > kPatience && next_block_ < order_.size()) {
        admit();
        last_end = launch_.n_executed;
      }
      if (launch_.n_executed > launch_.options->max_warp_instructions) {
        add_fault(FaultKind::kRunaway, launch_.kernel->name,
                  "more than " + std::to_string(launch_.options->max_warp_instructions) + " warp instructions in " +
                      launch_.kernel->name + ", last " + place(block));
        return false;
      }
    }
    return true;
  }

 private:
  void admit() {
    std::unique_ptr<Block> block;
    if (idle_.empty()) {
      block = std::make_unique<Block>();
    } else {
      block = std::move(idle_.back());
      idle_.pop_back();
    }
    start_block(*block, launch_, order_[next_block_++]);
    resident_.push_back(std::move(block));
  }

  /// False when every warp of the block waits.
  bool run_some_warp(Block& block) {
    const std::size_t n = block.warps.size();
    // By the rounds over blocks: with the turns, a block whose turns are all even would never begin with an odd warp.
    const std::size_t first = launch_.options->seed == 0 ? turn_ / resident_.size() : random_.below(n);
    for (std::size_t i = 0; i < n; ++i) {
      Warp& warp = *block.warps[(first + i) % n];
      if (!can_run(warp)) continue;
      // Short and long turns: a lane that is far ahead meets one that has hardly begun.
      static constexpr u64 kTurns[] = {4, 16, 64, 256, 1024};
      const u64 budget = launch_.options->seed == 0 ? 256 : 1 + random_.below(kTurns[random_.below(std::size(kTurns))]);
      try {
        run_warp(warp, budget);
      } catch (const KernelFault& fault) {
        const int lane = fault.lane >= 0 ? fault.lane : -1;
        throw KernelFault(fault.kind, lane,
                          std::string(fault.what()) + ", " + describe_thread(warp, lane) + ", at " +
                              launch_.kernel->place_of(warp.pc));
      }
      return true;
    }
    return false;
  }

  bool any_can_run() const {
    for (const auto& block : resident_)
      for (const auto& warp : block->warps)
        if (can_run(*warp)) return true;
    return next_block_ < order_.size() && false;
  }

  /// Whether every warp that can run has but tested mbarriers for many turns, with no change by anyone.
  bool all_wait_in_vain() const {
    for (const auto& block : resident_)
      for (const auto& warp : block->warps)
        if (can_run(*warp) && (warp->vain_since != launch_.n_changes || warp->n_vain_turns < kVainTurns)) return false;
    return true;
  }

  void describe_vain_wait(const Block& block) const {
    std::string message = "every warp waits in vain: ";
    int n_shown = 0;
    for (const auto& warp : block.warps)
      if (can_run(*warp) && n_shown++ < 6)
        message += "warp " + std::to_string(warp->index) + " tests an mbarrier at " +
                   launch_.kernel->place_of(warp->vain_pc) + "; ";
    add_fault(FaultKind::kDeadlock, launch_.kernel->name,
              message + describe_thread(*block.warps[0], -1) + " of " + launch_.kernel->name);
  }

  std::string place(const Block& block) const {
    for (const auto& warp : block.warps)
      if (warp->live != 0) return launch_.kernel->place_of(warp->mask != 0 ? warp->pc : warp->groups.front().pc);
    return "nowhere";
  }

  void describe_deadlock(const Block& block) const {
    std::string message = "nothing can run: ";
    bool is_divergent = false;
    int n_shown = 0;
    for (const auto& warp : block.warps) {
      u32 barrier_pc = ~0U;
      for (const Group& group : warp->groups) {
        const bool at_barrier = group.state == Group::State::kAtBarrier;
        if (at_barrier && barrier_pc != ~0U && barrier_pc != group.pc) is_divergent = true;
        if (at_barrier) barrier_pc = group.pc;
        if (at_barrier && group.mask != warp->live) is_divergent = true;
        if (++n_shown > 6) continue;
        char mask[16];
        std::snprintf(mask, sizeof mask, "%08x", group.mask);
        message += "warp " + std::to_string(warp->index) + " lanes " + mask +
                   (at_barrier ? " at the barrier " : " waiting for lanes at ") + launch_.kernel->place_of(group.pc) +
                   "; ";
      }
    }
    add_fault(is_divergent ? FaultKind::kDivergence : FaultKind::kDeadlock, launch_.kernel->name,
              message + describe_thread(*block.warps[0], -1) + " of " + launch_.kernel->name);
  }

  Launch& launch_;
  Random& random_;
  std::vector<u64> order_;
  std::size_t next_block_ = 0;
  std::size_t turn_ = 0;
  std::vector<std::unique_ptr<Block>> resident_, idle_;
};

}  // namespace

bool run_launch(Launch& launch) {
  try {
    return Scheduler(launch).run();
  } catch (const KernelFault& fault) {
    add_fault(fault.kind, launch.kernel->name, std::string(fault.what()) + " of " + launch.kernel->name);
    return false;
  }
}

}  // namespace segue::ptx
