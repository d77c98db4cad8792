#pragma once

// What becomes of the sums of a tile.
//
// A sum of floating point starts from what the query's threshold, less the bound of the tile, takes away: its sign then
// tells whether the item may reach the threshold, and half an instruction a score sees that none does. Sums of int8
// become such numbers first. Only where a lane of the warp has a hit is it asked which. Hits are rare. They wait in
// shared memory, each warp's for itself, until there are many: an atomic on global memory would hold the warp for long,
// and one hit occupies no more than one lane.

#include "kernels/cuda/scan_rows.cuh"
#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {

/// The look of a thread at the sums that it holds.
/// @tparam Form  who holds which sum: ScanByMma, ScanByWgmma
template <class Form, ScanFor kFor>
class ScanLook {
  using Sum = typename Form::Sum;
  using Sums = typename Form::Sums;
  static constexpr int kQueries = Form::kQueries;
  static constexpr bool kIsInt8 = Form::kDType == DType::kInt8;
  static constexpr int kRowTiles = Form::kRowTiles;
  static constexpr int kColTiles = Form::kColTiles;
  static constexpr int kParts = Form::kBucketParts;
  static constexpr std::uint32_t kWarp = 0xFFFF'FFFFU;

 public:
  /// @param hits  of this thread's warp
  __device__ ScanLook(const Scan& scan, int thread, const QueryBound* bounds, WarpHits* hits)
      : scan_(scan), thread_(thread), bounds_(bounds), hits_(hits) {
    if constexpr (kFor != ScanFor::kCandidates) best_.clear();
  }

  /// What the sums of a tile start from.
  __device__ void begin(Sums& sums, const TileFacts& facts) const {
    float start[kRowTiles][2];
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half)
        start[i][half] = kFor == ScanFor::kCandidates && !kIsInt8 ? -least_of(query_of(i, half), facts.bounds) : 0.0F;
    }
    if (!kIsInt8 && scan_.bias != nullptr) {
      start_from(sums, start, [&](int j, int c, float from) { return from + facts.bias[item_of(j, c)]; });
    } else {
      start_from(sums, start, [&](int, int, float from) { return from; });
    }
  }

  /// @param sums  of no use any more
  __device__ void look(Sums& sums, int tile, const TileFacts& facts) {
    if constexpr (kFor == ScanFor::kCandidates) {
      subtract_thresholds(sums, facts);
      collect(sums, tile);
    } else {
      raise(sums, tile, facts);
      if (++n_in_bucket_ == scan_.tiles_per_bucket) {
        write(bucket_++);
        n_in_bucket_ = 0;
      }
    }
  }

  /// After the last tile.
  __device__ void end() {
    if constexpr (kFor == ScanFor::kCandidates) {
      move_hits();
    } else {
      // All blocks write as many buckets; the last may have seen nothing.
      const int n_buckets = static_cast<int>(scan_.n_buckets / (gridDim.x * Form::kItemWarps * 4 * kParts));
      while (bucket_ < n_buckets) write(bucket_++);
    }
  }

 private:
  // Not kept in registers: sums need them all.
  __device__ std::int64_t first_query() const { return static_cast<std::int64_t>(blockIdx.y) * kQueries; }
  __device__ bool is_query(int query) const { return first_query() + query < scan_.n_queries; }

  __device__ int item_of(int col_tile, int c) const { return Form::item_of(thread_, col_tile) + c % 2; }
  __device__ int query_of(int row_tile, int half) const { return Form::query_of(thread_, row_tile) + half * 8; }

  template <class Start>
  __device__ void start_from(Sums& sums, const float (&start)[kRowTiles][2], const Start& start_of) const {
#pragma unroll
    for (int j = 0; j < kColTiles; ++j) {
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
        for (int c = 0; c < 4; ++c) sums[i][j][c] = static_cast<Sum>(start_of(j, c % 2, start[i][c / 2]));
      }
    }
  }

  /// What the scan's score of an item must reach at least for its true score to reach the query's threshold; -inf where
  /// nothing is known. scan.unit of it may be lost to rounding.
  __device__ float least_of(int query, const CudaTile& tile) const {
    const QueryBound bound = bounds_[query];
    const float slack = bound.per_norm * tile.max_norm + bound.per_error * tile.max_error + tile.slack;
    const float least = bound.threshold - slack - scan_.unit * (fminf(fabsf(bound.threshold), 3.402823466e38F) + slack);
    return least == least ? least : -INFINITY;
  }

  /// For int8: an item may reach the threshold where sum * scale + (bias - least) / the query's scale is not negative.
  struct Int8Query {
    float inverse, least;  ///< 1 / scale, and least_of() / scale
  };
  __device__ Int8Query int8_query(int query, const CudaTile& tile) const {
    const float scale = bounds_[query].scale;
    // A query of zeros has no scale: nothing is known of its items. There are none behind the last query.
    if (!(scale > 0)) return {0.0F, is_query(query) ? -INFINITY : INFINITY};
    const float inverse = 1.0F / scale;
    return {inverse, least_of(query, tile) * inverse};
  }

  /// What items of a column tile have beside their rows.
  struct Pair {
    float scale[2], bias[2];
  };
  __device__ Pair pair_of(const TileFacts& facts, int col_tile) const {
    Pair pair{};
    if constexpr (kIsInt8) {
      const int item = item_of(col_tile, 0);
      pair.scale[0] = facts.scales[item];
      pair.scale[1] = facts.scales[item + 1];
      if (scan_.bias != nullptr) {
        pair.bias[0] = facts.bias[item];
        pair.bias[1] = facts.bias[item + 1];
      }
    }
    return pair;
  }

  static __device__ std::uint32_t bits_of(float sum) { return __float_as_uint(sum); }
  static __device__ std::uint32_t bits_of(int sum) { return static_cast<std::uint32_t>(sum); }

  /// For int8: puts numbers, as bits, in place of the sums: negative where an item does not reach the threshold.
  __device__ void subtract_thresholds(Sums& sums, const TileFacts& facts) const {
    if constexpr (kIsInt8) {
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        const Int8Query queries[2] = {int8_query(query_of(i, 0), facts.bounds),
                                      int8_query(query_of(i, 1), facts.bounds)};
#pragma unroll
        for (int j = 0; j < kColTiles; ++j) {
          const Pair pair = pair_of(facts, j);
#pragma unroll
          for (int c = 0; c < 4; ++c) {
            const Int8Query& query = queries[c / 2];
            const float start =
                scan_.bias == nullptr ? -query.least : __fmaf_rn(pair.bias[c % 2], query.inverse, -query.least);
            const float above = __fmaf_rn(static_cast<float>(sums[i][j][c]), pair.scale[c % 2], start);
            sums[i][j][c] = __float_as_int(above);
          }
        }
      }
    }
  }

  /// @param sums  negative where an item does not reach the threshold. A NaN is not: tensor cores and fma make no other
  ///              than 0x7FFFFFFF
  __device__ void collect(const Sums& sums, int tile) {
    std::uint32_t hits = 0;
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        std::uint32_t signs = 0xFFFF'FFFFU;
#pragma unroll
        for (int j = 0; j < kColTiles; ++j) signs &= bits_of(sums[i][j][2 * half]) & bits_of(sums[i][j][2 * half + 1]);
        hits |= (~signs >> 31) << (2 * i + half);
      }
    }
    hits = __reduce_or_sync(kWarp, hits);
    if (hits == 0) return;
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if ((hits >> (2 * i + half) & 1U) != 0) note(misses_of(sums, i, half), tile, 2 * i + half);
      }
    }
  }

  /// Which of a row of the sums are no hits, in bits.
  __device__ static std::uint32_t misses_of(const Sums& sums, int i, int half) {
    constexpr int kAtOnce = 8;  // bits that are gathered before they join the others
    std::uint32_t misses = 0;
#pragma unroll
    for (int first = 0; first < 2 * kColTiles; first += kAtOnce) {
      std::uint32_t some = 0;
#pragma unroll
      for (int at = kAtOnce - 1; at >= 0; --at)  // the sign moves in from the right
        some = __funnelshift_l(bits_of(sums[i][(first + at) / 2][2 * half + at % 2]), some, 1);
      misses |= some << first;
    }
    return misses;
  }

  /// Notes the hits of a row of sums. For all lanes of the warp.
  __device__ void note(std::uint32_t misses, int tile, int row) {
    const bool has = misses != (0xFFFF'FFFFU >> (32 - 2 * kColTiles));
    const std::uint32_t lanes = __ballot_sync(kWarp, has);
    if (n_hits_ + __popc(lanes) > kWarpHits) move_hits();
    const int lane = thread_ % 32;
    if (has) {
      const int at = n_hits_ + __popc(lanes & ((1U << lane) - 1));
      hits_->hits[at] = static_cast<std::uint64_t>(static_cast<std::uint32_t>(tile) << 8 |
                                                   static_cast<std::uint32_t>(row << 5 | lane))
                            << 32 |
                        misses;
    }
    n_hits_ += __popc(lanes);
  }

  __device__ void hand_over(int query, std::int32_t item) const {
    const std::int64_t q = first_query() + query;
    const int at = atomicAdd(&scan_.counts[q], 1);
    if (at < scan_.capacity) scan_.candidates[q * scan_.capacity + at] = item;
  }

  /// Hands all hits of the warp over. For all lanes of the warp.
  __device__ void move_hits() {
    __syncwarp();
    for (int i = thread_ % 32; i < n_hits_; i += 32) {
      const std::uint64_t hit = hits_->hits[i];
      const auto place = static_cast<std::uint32_t>(hit >> 32);
      const int of_thread = thread_ / 32 * 32 + static_cast<int>(place % 32);
      const int row = static_cast<int>(place >> 5 & 7U);
      const int query = Form::query_of(of_thread, row / 2) + row % 2 * 8;
      if (!is_query(query)) continue;
      std::uint32_t which = ~static_cast<std::uint32_t>(hit) & (0xFFFF'FFFFU >> (32 - 2 * kColTiles));
      for (; which != 0; which &= which - 1) {
        const int bit = __ffs(static_cast<int>(which)) - 1;
        const std::int32_t item =
            static_cast<std::int32_t>(place >> 8) * kTileItems + Form::item_of(of_thread, bit / 2) + bit % 2;
        if (item < scan_.n_items && is_allowed(scan_.allowed, item)) hand_over(query, item);
      }
    }
    n_hits_ = 0;
    __syncwarp();
  }

  /// The best score of each of a thread's queries in its buckets, and whose it is. A thread has kParts buckets, each of
  /// neighbouring column tiles.
  struct Best {
    __device__ void clear() {
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
        for (int part = 0; part < kParts; ++part) {
          scores[i][0][part] = scores[i][1][part] = kMaskedScore;
          if constexpr (kFor == ScanFor::kBest) rows[i][0][part] = rows[i][1][part] = kNoItemRow;
        }
      }
    }
    float scores[kRowTiles][2][kParts];
    std::int32_t rows[kFor == ScanFor::kBest ? kRowTiles : 1][2][kParts];
  };

  /// Raises the best by a tile; a NaN raises nothing.
  __device__ void raise(const Sums& sums, int tile, const TileFacts& facts) {
    const bool all_count =
        kFor == ScanFor::kMaxima && scan_.allowed == nullptr && (tile + std::int64_t{1}) * kTileItems <= scan_.n_rows;
    if (all_count) {
      raise_by(sums, facts, [](int, int) { return 0; });
    } else {
      raise_by(sums, facts, [&](int j, int c) {
        // 64 bits of each would be too many registers
        const auto row = static_cast<std::uint32_t>(ScanRows<kFor, kIsInt8, 32>::row_at(scan_, tile, item_of(j, c)));
        const bool counts = row < static_cast<std::uint32_t>(scan_.n_items) && is_allowed(scan_.allowed, row);
        return counts ? static_cast<std::int32_t>(row) : kNoItemRow;
      });
    }
  }

  /// @param row_of  the row of an item of the tile, or kNoItemRow for one that does not count
  template <class RowOf>
  __device__ void raise_by(const Sums& sums, const TileFacts& facts, const RowOf& row_of) {
    float scale[kRowTiles][2];
    if constexpr (kIsInt8) {
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        scale[i][0] = bounds_[query_of(i, 0)].scale;
        scale[i][1] = bounds_[query_of(i, 1)].scale;
      }
    }
#pragma unroll
    for (int j = 0; j < kColTiles; ++j) {
      const Pair pair = pair_of(facts, j);
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        const std::int32_t row = row_of(j, c);
#pragma unroll
        for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            auto score = static_cast<float>(sums[i][j][2 * half + c]);
            if constexpr (kIsInt8) score = __fmaf_rn(score * pair.scale[c], scale[i][half], pair.bias[c]);
            if (row == kNoItemRow) score = kMaskedScore;
            float& best = best_.scores[i][half][j * kParts / kColTiles];
            if constexpr (kFor == ScanFor::kBest) {
              if (score > best) best_.rows[i][half][j * kParts / kColTiles] = row;
            }
            best = fmaxf(best, score);
          }
        }
      }
    }
  }

  __device__ void write(std::int64_t nth) {
    const std::int64_t warp = thread_ / 32 % Form::kItemWarps;
    const std::int64_t first = (((nth * gridDim.x + blockIdx.x) * Form::kItemWarps + warp) * 4 + thread_ % 4) * kParts;
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::int64_t q = first_query() + query_of(i, half);
        if (!is_query(query_of(i, half))) continue;
#pragma unroll
        for (int part = 0; part < kParts; ++part) {
          const std::int64_t at = q * scan_.n_buckets + first + part;
          scan_.maxima[at] = best_.scores[i][half][part];
          if constexpr (kFor == ScanFor::kBest) scan_.best_rows[at] = best_.rows[i][half][part];
        }
      }
    }
    best_.clear();
  }

  const Scan& scan_;
  const int thread_;
  const QueryBound* bounds_;
  WarpHits* hits_;
  int n_hits_ = 0;  ///< the same in all lanes
  Best best_;
  int bucket_ = 0, n_in_bucket_ = 0;
};

}  // namespace segue::kernels::cuda
