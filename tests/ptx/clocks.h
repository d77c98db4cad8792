#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

/// A vector clock: up to which clock of a warp the accesses of each of its lanes have happened before. Warps that are
/// not in it: none.
struct Knowledge {
  std::unordered_map<u32, std::array<u32, kLanes>> warps;

  bool covers(u32 warp, int lane, u32 clock) const {
    const auto found = warps.find(warp);
    return found != warps.end() && found->second[static_cast<std::size_t>(lane)] >= clock;
  }
};
using KnowledgePtr = std::shared_ptr<const Knowledge>;

/// What a thread hands on where it synchronises with others: see the arrays of WarpClocks.
struct Publication {
  KnowledgePtr known, fenced, pending;
};

/// What either of two knows; shares one of them where that is enough.
KnowledgePtr merge(const KnowledgePtr& a, const KnowledgePtr& b);

/// The clocks of one warp. All its lanes share one clock, which rises whenever any of them publishes what it did.
///
/// Three layers say what happened before a lane's next access: barriers of the whole block (BlockClocks, no cost a
/// lane), synchronisations inside the warp (`full_sync`, `rows`), and all else (`known`).
struct WarpClocks {
  using Row = std::array<u32, kLanes>;

  u32 clock = 1;
  u32 full_sync = 0;                              ///< every lane knows every lane's accesses up to this clock
  std::unique_ptr<std::array<Row, kLanes>> rows;  ///< rows[t][u]: what t knows of u beyond that; null: nothing
  std::array<KnowledgePtr, kLanes> known;         ///< of other warps
  std::array<KnowledgePtr, kLanes> fenced;        ///< what was known at the last fence: a later atomic publishes it
  std::array<KnowledgePtr, kLanes> pending;       ///< what atomics have read: a later fence makes it known
  bool has_knowledge = false;                     ///< any of the three arrays holds something
  // What wgmma reads for the warp counts as a warp of its own, whose clock every lane knows: that of the last wait.
  u32 async_id = 0;  ///< 0: the kernel has no wgmma
  u32 async_clock = 0;

  void reset();
  bool knows(int lane, int of_lane, u32 at_clock) const {
    return lane == of_lane || at_clock <= full_sync ||
           (rows != nullptr && (*rows)[static_cast<std::size_t>(lane)][static_cast<std::size_t>(of_lane)] >= at_clock);
  }
};

/// What barriers of the whole block have ordered: a clock for each warp of the block.
struct BlockClocks {
  u32 first_warp = 0;           ///< the id of the block's first warp; ids are never used twice
  std::vector<u32> at_barrier;  ///< with wgmma, those of its reads follow behind those of the warps
};

/// All that a lane knows now, its own accesses included.
KnowledgePtr snapshot(const WarpClocks& warp, u32 warp_id, const BlockClocks& block, int lane);

/// The lanes of `mask` know from now on what any of them knows. `all` are the lanes that the warp began with.
void synchronise_lanes(WarpClocks& warp, u32 mask, u32 all);

}  // namespace segue::ptx
