#pragma once

#include <functional>
#include <set>
#include <tuple>
#include <vector>

#include "tests/ptx/clocks.h"
#include "tests/ptx/race_cells.h"

namespace segue::ptx {

struct Warp;
struct Block;

/// Which bytes an access touches, for the message of a race.
struct Place {
  bool is_shared = false;
  u64 address = 0;
};

/// Finds data races of one launch: two accesses of the same byte by different threads, at least one of them a write,
/// not both atomic or strong, with nothing that orders them. Exact for the last write and for up to 32 reading warps
/// a word since then; more concurrent readers are forgotten, so that a race with them alone may be missed.
class RaceDetector {
 public:
  using Report = std::function<void(const Warp& warp, int lane, u32 pc, bool is_write, u32 other_warp, int other_lane,
                                    u32 other_pc, bool other_is_write, const Place& place)>;
  RaceDetector(u32 launch, Report report) : launch_(launch), report_(std::move(report)) {}

  /// An access of `n_bytes` at `offset` from the memory that `cells` describe.
  void access(Cell* cells, u64 offset, int n_bytes, const Warp& warp, int lane, u32 pc, bool is_write, bool is_atomic,
              const Place& place, bool is_asynchronous = false);
  /// The asynchronous writes of this lane to these bytes have become ordinary ones of its present clock.
  void land(Cell* cells, u64 offset, int n_bytes, const Warp& warp, int lane);

  /// A read by wgmma that begins: false, and reported, if it races with the last write. Not remembered: it goes on.
  bool begin_asynchronous_read(Cell* cells, u64 offset, int n_bytes, const Warp& warp, int lane, u32 pc,
                               const Place& place);
  /// The warp has waited for that read, at its present asynchronous clock: its lanes know that it is over.
  void end_asynchronous_read(Cell* cells, u64 offset, int n_bytes, const Warp& warp, u32 pc);
  /// Whether what the other lane did up to this clock happened before the lane's next access.
  bool is_known(const Warp& warp, int lane, u32 other_warp, int other_lane, u32 other_clock) const;

  // What orders accesses.
  void synchronise(Warp& warp, u32 mask);
  void block_barrier(Block& block);
  /// Lanes that waited at a barrier of a part of the block learn of each other, and of those that did not wait.
  void partial_barrier(const std::vector<std::pair<Warp*, u32>>& lanes, const Publication& of_passers);
  /// Adds what the lanes of a warp did until now to what others will learn.
  void publish(Warp& warp, u32 mask, Publication& to);
  void fence(Warp& warp, u32 mask);
  struct Atomic {
    bool reads, writes, acquires, releases;
  };
  void atomic(Warp& warp, int lane, u64 location, const Atomic& kind);

 private:
  bool is_ordered(const Warp& warp, int lane, u32 other_warp, int other_lane, u32 other_clock) const;
  std::vector<Readers>& more_of(Cell& cell);  ///< readers of a cell beside its first
  void check_read(Cell& cell, const Warp& warp, int lane, u32 pc, bool is_atomic, const Place& place);
  void check_write(Cell& cell, const Warp& warp, int lane, u32 pc, u8 flags, const Place& place);
  bool check_against_write(const Cell& cell, const Warp& warp, int lane, u32 pc, bool is_write, bool is_atomic,
                           const Place& place);
  template <class Body>
  void for_each_cell(Cell* cells, u64 offset, int n_bytes, Body body);  ///< whole words
  void split(Cell& cell);
  void found(const Warp& warp, int lane, u32 pc, bool is_write, u32 other_warp, int other_lane, u32 other_pc,
             bool other_is_write, const Place& place);

  u32 launch_;
  Report report_;
  std::vector<std::array<Cell, 4>> split_;
  std::vector<std::vector<Readers>> more_;
  std::unordered_map<u64, KnowledgePtr> released_;  ///< by location: what its last writers published
  std::set<std::tuple<u32, u32, bool, bool>> reported_;
};

}  // namespace segue::ptx
