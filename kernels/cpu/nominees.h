#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/cpu/best_keys.h"
#include "kernels/cpu/exclusions.h"
#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/int8_queries.h"
#include "kernels/top_k.h"

namespace segue::kernels::cpu {

/// A threshold for queries that look for nothing; finite, so that limits are numbers.
inline constexpr float kOutOfReach = 3e38F;
/// Keys and candidates kept at a time by a thread, which bounds memory for a large k.
inline constexpr std::int64_t kMaxGroupKeys = 1 << 22;

/// What the threads share in a search of int8 blocks for a group of queries.
struct Int8Search {
  MatrixView<const float> queries;
  const Int8Items& int8;
  const ItemMatrix* items;     ///< of which int8 is a copy; nullptr: the scores by int8 are what is searched for
  const Exclusions* excluded;  ///< nullptr: none
  const Int8Kernels& kernels;
  std::vector<std::atomic<float>>& thresholds;  ///< [n_queries]; raised by whoever knows better
};

/// An item that may belong in a list, and what its defined score must lie between.
struct Candidate {
  std::int32_t row;
  float lower, upper;
};

/// What is known of one query's list: candidates, and those whose defined scores were made.
///
/// Fetching a vector from somewhere in memory costs more than all else about a candidate, so their scores are made at
/// the end, when the bounds of all are known.
class Nominees {
 public:
  explicit Nominees(std::int64_t k) : k_(static_cast<std::size_t>(k)), best_(k) {}
  /// Drops what cannot be among the k best, raising the query's threshold. Worth calling when crowded().
  void tighten(const Int8Search& search, std::size_t query);
  [[nodiscard]] bool crowded() const;
  void reserve(std::int64_t n_candidates) { candidates_.reserve(static_cast<std::size_t>(n_candidates)); }
  void add(const Candidate& candidate) { candidates_.push_back(candidate); }
  /// A score that is final.
  void add(SortableKey key) { best_.add(key); }
  /// Makes the defined scores of `rows` and keeps the best.
  void score(const Int8Search& search, std::size_t query, const std::vector<std::int32_t>& rows);
  /// Makes the defined scores of what can still be among the k best. Then best() is complete down to the threshold.
  void resolve(const Int8Search& search, std::size_t query);
  /// Takes over what another thread found.
  void merge(const Nominees& other);
  /// For another number of items; what was found stays.
  void set_k(std::int64_t k);
  /// The `rank`-th best score, as far as it is known: an estimate. kMaskedScore where there are fewer.
  [[nodiscard]] float estimate(std::size_t rank) const;
  [[nodiscard]] BestKeys& best() { return best_; }

 private:
  void drop_below(float threshold);

  std::size_t k_;
  std::vector<Candidate> candidates_;
  BestKeys best_;
};

/// One thread's scan for a group of queries.
class Int8Scanner {
 public:
  Int8Scanner(const Int8Search& search, std::int64_t k);
  /// Scans one block for the queries of a tile: every item whose defined score reaches its query's threshold is
  /// nominated.
  /// @param next  the block that will be scanned next, or `block`
  void scan(const Int8Tile& tile, std::int64_t block, std::int64_t next);
  [[nodiscard]] Nominees& of(std::size_t query) { return nominees_[query]; }

 private:
  void scan_panels(const Int8Tile& tile, std::int64_t block, std::int64_t begin, std::int64_t end, std::int64_t next);
  void nominate(std::size_t query, int n, const std::uint32_t* places, const float* scores, float bound,
                std::int64_t first);

  const Int8Search& search_;
  std::size_t k_;
  std::vector<Nominees> nominees_;
  std::vector<std::uint32_t> places_;
  std::vector<float> scores_;
  std::vector<std::int32_t> rows_;
};

/// One a thread.
using Scanners = std::vector<std::unique_ptr<Int8Scanner>>;
Scanners make_scanners(const Int8Search& search, std::int64_t k, int n_workers);

/// Calls scan(scanner, block, next block of the same thread, or the block) for all blocks, shared among threads.
void share_blocks(const Int8Search& search, const std::vector<std::int64_t>& blocks, Scanners& scanners,
                  const std::function<void(Int8Scanner&, std::int64_t, std::int64_t)>& scan);

}  // namespace segue::kernels::cpu
