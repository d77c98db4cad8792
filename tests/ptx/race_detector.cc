#include "tests/ptx/race_detector.h"

#include <algorithm>

#include "tests/ptx/block.h"

namespace segue::ptx {
namespace {

constexpr std::size_t kMostReaders = 32;

/// Whether a barrier of the whole block came after an access of another warp.
inline bool is_behind_barrier(const Warp& warp, u32 other_warp, u32 other_clock) {
  const BlockClocks& block = warp.block->clocks;
  const u32 index = other_warp - block.first_warp;
  return index < block.at_barrier.size() && other_clock <= block.at_barrier[index];
}

}  // namespace

inline bool RaceDetector::is_ordered(const Warp& warp, int lane, u32 other_warp, int other_lane,
                                     u32 other_clock) const {
  const WarpClocks& clocks = warp.clocks;
  if (other_warp == warp.id) {
    if (clocks.knows(lane, other_lane, other_clock)) return true;
  }
  if (is_behind_barrier(warp, other_warp, other_clock)) return true;
  if (other_warp == clocks.async_id && other_clock <= clocks.async_clock) return true;
  const KnowledgePtr& known = clocks.known[static_cast<std::size_t>(lane)];
  return known != nullptr && known->covers(other_warp, other_lane, other_clock);
}

bool RaceDetector::is_known(const Warp& warp, int lane, u32 other_warp, int other_lane, u32 other_clock) const {
  return is_ordered(warp, lane, other_warp, other_lane, other_clock);
}

/// False if the access races with the cell's last write.
inline bool RaceDetector::check_against_write(const Cell& cell, const Warp& warp, int lane, u32 pc, bool is_write,
                                              bool is_atomic, const Place& place) {
  const LastWrite& write = cell.write;
  if ((write.flags & kIsWritten) == 0 || (is_atomic && (write.flags & kIsAtomic) != 0)) return true;
  if ((write.flags & kIsAsynchronous) == 0 && is_ordered(warp, lane, write.warp, write.lane, write.clock)) return true;
  found(warp, lane, pc, is_write, write.warp, write.lane, write.pc, true, place);
  return false;
}

void RaceDetector::access(Cell* cells, u64 offset, int n_bytes, const Warp& warp, int lane, u32 pc, bool is_write,
                          bool is_atomic, const Place& place, bool is_asynchronous) {
  const u8 flags = static_cast<u8>(kIsWritten | (is_atomic ? kIsAtomic : 0) | (is_asynchronous ? kIsAsynchronous : 0));
  const u64 end = offset + static_cast<u64>(n_bytes);
  for (u64 word = offset / 4; word * 4 < end; ++word) {
    Cell& cell = cells[word];
    if (cell.launch != launch_) {
      cell = {};
      cell.launch = launch_;
    }
    const bool is_whole = word * 4 >= offset && word * 4 + 4 <= end;
    if (!is_whole && cell.split == 0) split(cell);
    if (cell.split == 0) {
      if (is_write) {
        check_write(cell, warp, lane, pc, flags, place);
      } else {
        check_read(cell, warp, lane, pc, is_atomic, place);
      }
      continue;
    }
    for (u64 byte = 0; byte < 4; ++byte) {
      if (word * 4 + byte < offset || word * 4 + byte >= end) continue;
      Cell& of_byte = split_[cell.split - 1][byte];
      if (is_write) {
        check_write(of_byte, warp, lane, pc, flags, place);
      } else {
        check_read(of_byte, warp, lane, pc, is_atomic, place);
      }
    }
  }
}

void RaceDetector::split(Cell& cell) {
  std::array<Cell, 4> bytes{cell, cell, cell, cell};
  if (cell.more != 0) {
    for (std::size_t i = 1; i < 4; ++i) {
      more_.push_back(more_[cell.more - 1]);
      bytes[i].more = static_cast<u32>(more_.size());
    }
  }
  split_.push_back(bytes);
  cell.split = static_cast<u32>(split_.size());
}

std::vector<Readers>& RaceDetector::more_of(Cell& cell) {
  if (cell.more == 0) {
    more_.emplace_back();
    cell.more = static_cast<u32>(more_.size());
  }
  return more_[cell.more - 1];
}

void RaceDetector::check_read(Cell& cell, const Warp& warp, int lane, u32 pc, bool is_atomic, const Place& place) {
  Readers& readers = cell.readers;
  const u32 marked_pc = pc | (is_atomic ? kAtomicRead : 0);
  const u32 bit = 1U << lane;
  if (cell.n_readers != 0 && readers.warp == warp.id && readers.clock == warp.clocks.clock && readers.pc == marked_pc) {
    if (readers.mask & bit) return;  // seen already, with the same write before it
    check_against_write(cell, warp, lane, pc, false, is_atomic, place);
    readers.mask |= bit;
    return;
  }
  check_against_write(cell, warp, lane, pc, false, is_atomic, place);
  const Readers mine{warp.id, warp.clocks.clock, bit, marked_pc};
  // A read that happened before this one need not be remembered: what races with it races with this one too.
  const auto is_covered = [&](const Readers& other) {
    if (((other.pc & kAtomicRead) != 0) != is_atomic) return false;
    if (other.warp == warp.id ? other.mask == bit || other.clock <= warp.clocks.full_sync
                              : is_behind_barrier(warp, other.warp, other.clock))
      return true;
    bool all = true;
    for_each_lane(other.mask, [&](int l) { all = all && is_ordered(warp, lane, other.warp, l, other.clock); });
    return all;
  };
  if (cell.n_readers == 0 || is_covered(readers)) {
    readers = mine;
    cell.n_readers = 1;
    return;
  }
  auto& more = more_of(cell);
  for (Readers& other : more) {
    if (other.warp == warp.id && other.clock == mine.clock && other.pc == mine.pc) {
      other.mask |= bit;
      return;
    }
  }
  for (Readers& other : more) {
    if (is_covered(other)) {
      other = mine;
      return;
    }
  }
  if (more.size() + 1 < kMostReaders) more.push_back(mine);
}

void RaceDetector::check_write(Cell& cell, const Warp& warp, int lane, u32 pc, u8 flags, const Place& place) {
  const bool is_atomic = (flags & kIsAtomic) != 0;
  check_against_write(cell, warp, lane, pc, true, is_atomic, place);
  const auto check_readers = [&](const Readers& readers) {
    if (is_atomic && (readers.pc & kAtomicRead) != 0) return;
    if (readers.warp == warp.id ? readers.mask == 1U << lane || readers.clock <= warp.clocks.full_sync
                                : is_behind_barrier(warp, readers.warp, readers.clock))
      return;
    for_each_lane(readers.mask, [&](int l) {
      if (!is_ordered(warp, lane, readers.warp, l, readers.clock))
        found(warp, lane, pc, true, readers.warp, l, readers.pc & ~kAtomicRead, false, place);
    });
  };
  if (cell.n_readers != 0) check_readers(cell.readers);
  if (cell.more != 0) {
    for (const Readers& readers : more_[cell.more - 1]) check_readers(readers);
    more_[cell.more - 1].clear();
  }
  cell.n_readers = 0;
  cell.write = {warp.id, warp.clocks.clock, pc, static_cast<u8>(lane), flags};
}

void RaceDetector::land(Cell* cells, u64 offset, int n_bytes, const Warp& warp, int lane) {
  const auto land_one = [&](Cell& cell) {
    LastWrite& write = cell.write;
    if ((write.flags & kIsAsynchronous) == 0 || write.warp != warp.id || write.lane != lane) return;
    write.flags = kIsWritten;
    write.clock = warp.clocks.clock;
  };
  const u64 end = offset + static_cast<u64>(n_bytes);
  for (u64 word = offset / 4; word * 4 < end; ++word) {
    Cell& cell = cells[word];
    if (cell.launch != launch_) continue;
    if (cell.split == 0) {
      land_one(cell);
      continue;
    }
    for (u64 byte = 0; byte < 4; ++byte)
      if (word * 4 + byte >= offset && word * 4 + byte < end) land_one(split_[cell.split - 1][byte]);
  }
}

template <class Body>
void RaceDetector::for_each_cell(Cell* cells, u64 offset, int n_bytes, Body body) {
  const u64 end = offset + static_cast<u64>(n_bytes);
  for (u64 word = offset / 4; word * 4 < end; ++word) {
    Cell& cell = cells[word];
    if (cell.launch != launch_) {
      cell = {};
      cell.launch = launch_;
    }
    if (cell.split == 0) {
      body(cell);
    } else {
      for (Cell& of_byte : split_[cell.split - 1]) body(of_byte);
    }
  }
}

bool RaceDetector::begin_asynchronous_read(Cell* cells, u64 offset, int n_bytes, const Warp& warp, int lane, u32 pc,
                                           const Place& place) {
  bool is_good = true;
  for_each_cell(cells, offset, n_bytes, [&](Cell& cell) {
    is_good = check_against_write(cell, warp, lane, pc, false, false, place) && is_good;
  });
  return is_good;
}

void RaceDetector::end_asynchronous_read(Cell* cells, u64 offset, int n_bytes, const Warp& warp, u32 pc) {
  const Readers mine{warp.clocks.async_id, warp.clocks.async_clock, 1, pc};
  // What a barrier has ordered, or this warp's own earlier wait, races with no write that this read does not race with.
  const auto is_covered = [&](const Readers& other) {
    return other.warp == mine.warp || is_behind_barrier(warp, other.warp, other.clock);
  };
  for_each_cell(cells, offset, n_bytes, [&](Cell& cell) {
    if (cell.n_readers == 0 || is_covered(cell.readers)) {
      cell.readers = mine;
      cell.n_readers = 1;
      return;
    }
    auto& more = more_of(cell);
    const auto covered = std::find_if(more.begin(), more.end(), is_covered);
    if (covered != more.end()) {
      *covered = mine;
    } else if (more.size() + 1 < kMostReaders) {
      more.push_back(mine);
    }
  });
}

void RaceDetector::found(const Warp& warp, int lane, u32 pc, bool is_write, u32 other_warp, int other_lane,
                         u32 other_pc, bool other_is_write, const Place& place) {
  if (!reported_.insert({pc, other_pc, is_write, other_is_write}).second) return;
  report_(warp, lane, pc, is_write, other_warp, other_lane, other_pc, other_is_write, place);
}

void RaceDetector::synchronise(Warp& warp, u32 mask) { synchronise_lanes(warp.clocks, mask, warp.all_lanes); }

void RaceDetector::block_barrier(Block& block) {
  bool has_knowledge = false;
  for (const auto& warp : block.warps) has_knowledge = has_knowledge || warp->clocks.has_knowledge;
  if (has_knowledge) {
    KnowledgePtr known, fenced, pending;
    for (const auto& warp : block.warps) {
      for_each_lane(warp->live, [&](int lane) {
        const auto l = static_cast<std::size_t>(lane);
        known = merge(known, warp->clocks.known[l]);
        fenced = merge(fenced, warp->clocks.fenced[l]);
        pending = merge(pending, warp->clocks.pending[l]);
      });
    }
    for (const auto& warp : block.warps) {
      warp->clocks.known.fill(known);
      warp->clocks.fenced.fill(fenced);
      warp->clocks.pending.fill(pending);
      warp->clocks.has_knowledge = true;
    }
  }
  for (std::size_t i = 0; i < block.warps.size(); ++i) {
    WarpClocks& clocks = block.warps[i]->clocks;
    if (block.warps[i]->live == 0) continue;
    block.clocks.at_barrier[i] = clocks.clock;
    clocks.full_sync = clocks.clock;
    clocks.rows.reset();
    ++clocks.clock;
    if (clocks.async_id != 0) block.clocks.at_barrier[block.warps.size() + i] = clocks.async_clock;
  }
}

void RaceDetector::publish(Warp& warp, u32 mask, Publication& to) {
  for_each_lane(mask, [&](int lane) {
    const auto l = static_cast<std::size_t>(lane);
    to.known = merge(to.known, snapshot(warp.clocks, warp.id, warp.block->clocks, lane));
    to.fenced = merge(to.fenced, warp.clocks.fenced[l]);
    to.pending = merge(to.pending, warp.clocks.pending[l]);
  });
  ++warp.clocks.clock;
}

void RaceDetector::partial_barrier(const std::vector<std::pair<Warp*, u32>>& lanes, const Publication& of_passers) {
  Publication all = of_passers;
  for (const auto& [warp, mask] : lanes) publish(*warp, mask, all);
  for (const auto& [warp, mask] : lanes) {
    for_each_lane(mask, [&, warp = warp](int lane) {
      const auto l = static_cast<std::size_t>(lane);
      warp->clocks.known[l] = all.known;
      warp->clocks.fenced[l] = all.fenced;
      warp->clocks.pending[l] = all.pending;
    });
    warp->clocks.has_knowledge = true;
  }
}

void RaceDetector::fence(Warp& warp, u32 mask) {
  WarpClocks& clocks = warp.clocks;
  for_each_lane(mask, [&](int lane) {
    const auto l = static_cast<std::size_t>(lane);
    clocks.known[l] = merge(clocks.known[l], clocks.pending[l]);
    clocks.pending[l] = nullptr;
    clocks.fenced[l] = snapshot(clocks, warp.id, warp.block->clocks, lane);
  });
  clocks.has_knowledge = true;
  ++clocks.clock;
}

void RaceDetector::atomic(Warp& warp, int lane, u64 location, const Atomic& kind) {
  WarpClocks& clocks = warp.clocks;
  const auto l = static_cast<std::size_t>(lane);
  if (kind.reads) {
    if (const auto found = released_.find(location); found != released_.end() && found->second != nullptr) {
      auto& to = kind.acquires ? clocks.known[l] : clocks.pending[l];
      to = merge(to, found->second);
      clocks.has_knowledge = true;
    }
  }
  if (!kind.writes) return;
  KnowledgePtr published = clocks.has_knowledge ? clocks.fenced[l] : nullptr;
  if (kind.releases) {
    published = snapshot(clocks, warp.id, warp.block->clocks, lane);
    ++clocks.clock;
  }
  // A read-modify-write keeps what earlier ones published; a plain store replaces it.
  if (kind.reads) {
    if (published == nullptr) return;
    KnowledgePtr& at = released_[location];
    at = merge(at, published);
  } else if (published != nullptr || released_.contains(location)) {
    released_[location] = published;
  }
}

}  // namespace segue::ptx
