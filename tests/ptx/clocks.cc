#include "tests/ptx/clocks.h"

#include <algorithm>

namespace segue::ptx {
namespace {

template <class A, class B>
void raise(A& to, const B& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = std::max(to[i], from[i]);
}

void share(std::array<KnowledgePtr, kLanes>& of_lane, u32 mask) {
  KnowledgePtr all;
  for_each_lane(mask, [&](int lane) { all = merge(all, of_lane[static_cast<std::size_t>(lane)]); });
  for_each_lane(mask, [&](int lane) { of_lane[static_cast<std::size_t>(lane)] = all; });
}

}  // namespace

KnowledgePtr merge(const KnowledgePtr& a, const KnowledgePtr& b) {
  if (a == nullptr || a == b) return b;
  if (b == nullptr) return a;
  auto merged = std::make_shared<Knowledge>(*a);
  for (const auto& [warp, clocks] : b->warps) {
    const auto [at, is_new] = merged->warps.try_emplace(warp, clocks);
    if (!is_new) raise(at->second, clocks);
  }
  return merged;
}

void WarpClocks::reset() {
  clock = 1;
  full_sync = 0;
  rows.reset();
  if (has_knowledge) {
    known.fill(nullptr);
    fenced.fill(nullptr);
    pending.fill(nullptr);
  }
  has_knowledge = false;
  async_id = async_clock = 0;
}

KnowledgePtr snapshot(const WarpClocks& warp, u32 warp_id, const BlockClocks& block, int lane) {
  const KnowledgePtr& known = warp.known[static_cast<std::size_t>(lane)];
  auto all = known == nullptr ? std::make_shared<Knowledge>() : std::make_shared<Knowledge>(*known);
  for (std::size_t i = 0; i < block.at_barrier.size(); ++i) {
    if (block.at_barrier[i] == 0) continue;
    auto& clocks = all->warps[block.first_warp + static_cast<u32>(i)];
    for (u32& clock : clocks) clock = std::max(clock, block.at_barrier[i]);
  }
  auto& own = all->warps[warp_id];
  for (u32& clock : own) clock = std::max(clock, warp.full_sync);
  if (warp.rows != nullptr) raise(own, (*warp.rows)[static_cast<std::size_t>(lane)]);
  own[static_cast<std::size_t>(lane)] = warp.clock;
  if (warp.async_id != 0) all->warps[warp.async_id].fill(warp.async_clock);
  return all;
}

void synchronise_lanes(WarpClocks& warp, u32 mask, u32 all) {
  if (warp.has_knowledge) {
    share(warp.known, mask);
    share(warp.fenced, mask);
    share(warp.pending, mask);
  }
  if (mask == all) {
    warp.full_sync = warp.clock;
    warp.rows.reset();
  } else {
    if (warp.rows == nullptr) {
      warp.rows = std::make_unique<std::array<WarpClocks::Row, kLanes>>();
      for (auto& row : *warp.rows) row.fill(warp.full_sync);
    }
    WarpClocks::Row joined{};
    for_each_lane(mask, [&](int lane) { raise(joined, (*warp.rows)[static_cast<std::size_t>(lane)]); });
    for_each_lane(mask, [&](int lane) { joined[static_cast<std::size_t>(lane)] = warp.clock; });
    for_each_lane(mask, [&](int lane) { (*warp.rows)[static_cast<std::size_t>(lane)] = joined; });
  }
  ++warp.clock;
}

}  // namespace segue::ptx
