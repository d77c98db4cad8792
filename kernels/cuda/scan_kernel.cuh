#pragma once

// The kernel of scan.cuh, compiled once a dtype (scan_<dtype>.cu).
//
// Queries are the rows of mma's A and items those of B. 8 warps share the sums of a block's queries with 128 items.
// Slices of 128 bytes of the items' rows pass through a ring of kStages in shared memory by cp.async; the queries' rows
// lie there for good. Chunks of 16 bytes are permuted by the row (chunk ^ row % 8), so that neither cp.async nor
// ldmatrix meets a bank twice; it is also what wgmma calls the 128-byte swizzle.
//
// Selection costs one comparison a score: a thread compares its sums of a query with one threshold, less the bound of
// the tile, and only where a lane of the warp has a hit is it asked which. Hits are rare. They wait in shared memory
// until there are many, since an atomic on global memory would hold the warp for longer than the tile takes.

#include "kernels/cuda/scan_mma.cuh"
#include "kernels/cuda/scan_shared.cuh"
#include "kernels/cuda/scan_wgmma.cuh"
#include "kernels/cuda/tensor_core.cuh"
#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {

/// @tparam Form  who holds which sum, and the instruction that adds to it: ScanByMma, ScanByWgmma
template <class Form, ScanFor kFor>
class ScanBlock {
  using Sum = typename Form::Sum;
  using Sums = typename Form::Sums;
  static constexpr int kQueries = Form::kQueries;
  static constexpr bool kIsInt8 = Form::kDType == DType::kInt8;
  static constexpr bool kCollects = kFor == ScanFor::kCandidates;
  static constexpr int kRowTiles = Form::kRowTiles;
  static constexpr int kColTiles = Form::kColTiles;

 public:
  __device__ ScanBlock(const Scan& scan, ScanStage* stages, char* query_rows, ScanShared& shared, QueryBound* bounds)
      : scan_(scan),
        stages_(stages),
        shared_(shared),
        query_rows_(query_rows),
        bounds_(bounds),
        n_slices_(static_cast<int>(scan_slices(scan.row_bytes))),
        first_query_(static_cast<std::int64_t>(blockIdx.y) * kQueries),
        thread_(static_cast<int>(threadIdx.x)) {}

  __device__ void run() {
    load_queries();
    if (thread_ == 0) shared_.n_hits = 0;
    const int first_tile = static_cast<int>(blockIdx.x);
    const int n_all = static_cast<int>(scan_.n_tiles);
    Loader loader(*this, first_tile, n_all);
    for (int i = 0; i < kStages - 1; ++i) loader.next();

    Sums sums;
    Best best;
    if constexpr (!kCollects) best.clear();
    bool many_hits = false;
    int stage = 0, ring = 0, bucket = 0, n_in_bucket = 0;
    for (int tile = first_tile; tile < n_all; tile += static_cast<int>(gridDim.x)) {
      for (int slice = 0; slice < n_slices_; ++slice) {
        wait_for_copies<kStages - 2>();
        Form::publish();
        // The oldest stage is there for all, and all have left the one that is loaded next.
        if constexpr (!kCollects) {
          __syncthreads();
        } else if (__syncthreads_or(many_hits)) {
          move_hits();
          many_hits = false;
        }
        loader.next();
        if (slice == 0) begin(sums, ring);
        Form::multiply(sums, query_rows_ + slice * (kQueries * kSliceBytes), stages_[stage]);
        stage = stage + 1 == kStages ? 0 : stage + 1;
      }
      if constexpr (kCollects) {
        many_hits = collect(sums, tile);
      } else {
        raise(best, sums, tile, ring);
        if (++n_in_bucket == scan_.tiles_per_bucket) {
          write(best, bucket++);
          n_in_bucket = 0;
        }
      }
      ring = ring + 1 == kStages ? 0 : ring + 1;
    }
    if constexpr (!kCollects) {
      // All blocks write as many buckets; the last may have seen nothing.
      const int n_buckets = static_cast<int>(scan_.n_buckets / (gridDim.x * Form::kItemWarps * 4));
      while (bucket < n_buckets) write(best, bucket++);
    } else {
      __syncthreads();
      move_hits();
    }
  }

 private:
  /// Asks for slice after slice of the tiles of this block.
  class Loader {
   public:
    __device__ Loader(const ScanBlock& block, int first_tile, int n_tiles)
        : block_(block), tile_(first_tile), n_tiles_(n_tiles) {}
    __device__ void next() {
      if (tile_ < n_tiles_) {
        block_.load(tile_, slice_, stage_, ring_);
        stage_ = stage_ + 1 == kStages ? 0 : stage_ + 1;
        if (++slice_ == block_.n_slices_) {
          slice_ = 0;
          ring_ = ring_ + 1 == kStages ? 0 : ring_ + 1;
          tile_ += static_cast<int>(gridDim.x);
        }
      }
      commit_copies();  // empty ones too, so that the count of groups tells which are there
    }

   private:
    const ScanBlock& block_;
    int tile_;
    const int n_tiles_;
    int slice_ = 0, stage_ = 0, ring_ = 0;
  };

  __device__ std::int64_t row_at(int tile, int item) const {
    if constexpr (kFor == ScanFor::kBest) {
      // Rows far from each other, so that neighbours, which may be alike, are in different buckets: those of a tile are
      // n_tiles apart, and lie in it in another order in each tile.
      const std::uint32_t turn = static_cast<std::uint32_t>(tile) * 2654435761U >> 25;  // by Knuth's hash
      const int slot = (item * 37 + static_cast<int>(turn)) % kTileItems;
      return tile * scan_.tile_multiplier % scan_.n_tiles + slot * scan_.n_tiles;
    } else {
      return scan_.first_row + (static_cast<std::int64_t>(tile) * kTileItems + item) * scan_.row_step;
    }
  }

  __device__ void load_queries() {
    constexpr int kChunks = kSliceBytes / 16;
    const std::int64_t n_chunks = scan_.row_bytes / 16;
    for (int i = thread_; i < kQueries * n_slices_ * kChunks; i += kScanThreads) {
      const int chunk = i % (n_slices_ * kChunks);
      const int query = i / (n_slices_ * kChunks);
      int4 value = make_int4(0, 0, 0, 0);
      if (chunk < n_chunks) {
        const char* row = static_cast<const char*>(scan_.queries) + (first_query_ + query) * scan_.row_bytes;
        value = *reinterpret_cast<const int4*>(row + chunk * 16);
      }
      char* slice = query_rows_ + chunk / kChunks * (kQueries * kSliceBytes);
      *reinterpret_cast<int4*>(slice + swizzled(query, chunk % kChunks)) = value;
    }
    for (int i = thread_; i < kQueries; i += kScanThreads) bounds_[i] = scan_.bounds[first_query_ + i];
  }

  __device__ void load(int tile, int slice, int stage, int ring) const {
    constexpr int kChunks = kSliceBytes / 16;
    constexpr int kRowsAtOnce = kScanThreads / kChunks;
    const int chunk = thread_ % kChunks;
    const std::int64_t at = static_cast<std::int64_t>(slice) * kSliceBytes + chunk * 16;
    const std::uint32_t to = shared_address(stages_[stage].bytes);
#pragma unroll
    for (int i = 0; i < kTileItems / kRowsAtOnce; ++i) {
      const int item = i * kRowsAtOnce + thread_ / kChunks;
      const std::int64_t row = row_at(tile, item);
      const bool exists = row < scan_.n_items && at < scan_.row_bytes;
      const char* from = scan_.items + (exists ? row * scan_.row_bytes + at : 0);
      copy_16_async(to + static_cast<std::uint32_t>(swizzled(item, chunk)), from, exists);
    }
    if (slice == 0) {
      const int item = thread_ % kTileItems;
      const std::int64_t row = row_at(tile, item);
      const bool exists = row < scan_.n_items;
      if (thread_ < kTileItems) {
        if (scan_.bias != nullptr)
          copy_4_async(shared_address(&shared_.bias[ring][item]), scan_.bias + (exists ? row : 0), exists);
      } else if (kIsInt8 && !kCollects) {
        copy_4_async(shared_address(&shared_.scales[ring][item]), scan_.scales + (exists ? row : 0), exists);
      }
    }
  }

  __device__ int item_of(int col_tile, int c) const { return Form::item_of(thread_, col_tile) + c % 2; }
  __device__ int query_of(int row_tile, int half) const { return Form::query_of(thread_, row_tile) + half * 8; }

  __device__ void begin(Sums& sums, int ring) const {
#pragma unroll
    for (int j = 0; j < kColTiles; ++j) {
      Sum first[2] = {0, 0};
      if (!kIsInt8 && scan_.bias != nullptr) {
        first[0] = static_cast<Sum>(shared_.bias[ring][item_of(j, 0)]);
        first[1] = static_cast<Sum>(shared_.bias[ring][item_of(j, 1)]);
      }
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
        for (int c = 0; c < 4; ++c) sums[i][j][c] = first[c % 2];
      }
    }
  }

  /// What a sum must reach at least for the score of its item to reach the query's threshold.
  __device__ Sum least_sum(const QueryBound& bound, const CudaTile& tile) const {
    const float least =
        bound.threshold - (bound.per_norm * tile.max_norm + bound.per_error * tile.max_error + tile.slack);
    if constexpr (kIsInt8) {
      // A score is at most sum * scale + max_bias, with the largest scale for a sum above zero and the least below.
      constexpr float kRounding = 1e-5F;
      const float of_sum = least - tile.max_bias - fabsf(tile.max_bias) * kRounding;
      const float scale = bound.scale * (of_sum >= 0 ? tile.max_scale : tile.min_scale);
      const float sum = of_sum / scale * (of_sum >= 0 ? 1 - kRounding : 1 + kRounding) - 1;
      return sum > -2e9F ? static_cast<int>(fminf(sum, 2e9F)) : -2'147'483'647 - 1;  // of a NaN: any sum will do
    } else {
      return least;
    }
  }

  /// Notes the hits of a tile; whether there are many by now.
  __device__ bool collect(const Sums& sums, int tile) {
    const CudaTile bounds = scan_.tiles[tile];
    bool many = false;
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Sum least = least_sum(bounds_[query_of(i, half)], bounds);
        bool hit = false;
#pragma unroll
        for (int j = 0; j < kColTiles; ++j)
          hit |= !(sums[i][j][2 * half] < least) | !(sums[i][j][2 * half + 1] < least);
        if (!__any_sync(0xFFFF'FFFFU, hit)) continue;
        std::uint32_t which = 0;
#pragma unroll
        for (int j = 0; j < kColTiles; ++j) {
          which |= static_cast<std::uint32_t>(!(sums[i][j][2 * half] < least)) << (2 * j);
          which |= static_cast<std::uint32_t>(!(sums[i][j][2 * half + 1] < least)) << (2 * j + 1);
        }
        many |= note(which, query_of(i, half), tile);
      }
    }
    return many;
  }

  __device__ bool note(std::uint32_t which, int query, int tile) {
    bool many = false;
    while (which != 0) {
      const int bit = __ffs(static_cast<int>(which)) - 1;
      which &= which - 1;
      const std::int64_t item = static_cast<std::int64_t>(tile) * kTileItems + item_of(bit / 2, bit % 2);
      if (item >= scan_.n_items || first_query_ + query >= scan_.n_queries) continue;
      if (!is_allowed(scan_.allowed, item)) continue;
      const int at = atomicAdd(&shared_.n_hits, 1);
      many |= at >= kManyHits;
      if (at < kHits) {
        shared_.hits[at] = static_cast<std::uint64_t>(query) << 32 | static_cast<std::uint32_t>(item);
      } else {
        hand_over(query, static_cast<std::int32_t>(item));
      }
    }
    return many;
  }

  __device__ void hand_over(int query, std::int32_t item) const {
    const std::int64_t q = first_query_ + query;
    const int at = atomicAdd(&scan_.counts[q], 1);
    if (at < scan_.capacity) scan_.candidates[q * scan_.capacity + at] = item;
  }

  /// Hands all hits over. After a barrier; ends on one.
  __device__ void move_hits() {
    const int n = shared_.n_hits < kHits ? shared_.n_hits : kHits;
    for (int i = thread_; i < n; i += kScanThreads)
      hand_over(static_cast<int>(shared_.hits[i] >> 32), static_cast<std::int32_t>(shared_.hits[i]));
    __syncthreads();
    if (thread_ == 0) shared_.n_hits = 0;
    __syncthreads();
  }

  /// The best score of each of a thread's queries in its bucket, and whose it is.
  struct Best {
    __device__ void clear() {
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        scores[i][0] = scores[i][1] = kMaskedScore;
        if constexpr (kFor == ScanFor::kBest) rows[i][0] = rows[i][1] = kNoItemRow;
      }
    }
    float scores[kRowTiles][2];
    std::int32_t rows[kFor == ScanFor::kBest ? kRowTiles : 1][2];
  };

  /// Raises the best by a tile; a NaN raises nothing.
  __device__ void raise(Best& best, const Sums& sums, int tile, int ring) const {
#pragma unroll
    for (int j = 0; j < kColTiles; ++j) {
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        const int item = item_of(j, c);
        const auto row = static_cast<std::uint32_t>(row_at(tile, item));  // 64 bits of each would be too many registers
        const bool counts = row < static_cast<std::uint32_t>(scan_.n_items) && is_allowed(scan_.allowed, row);
        const float scale = kIsInt8 ? shared_.scales[ring][item] : 0.0F;
        const float bias = kIsInt8 && scan_.bias != nullptr ? shared_.bias[ring][item] : 0.0F;
#pragma unroll
        for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            float score = static_cast<float>(sums[i][j][2 * half + c]);
            if constexpr (kIsInt8) score = score * (bounds_[query_of(i, half)].scale * scale) + bias;
            score = counts ? score : kMaskedScore;
            if constexpr (kFor == ScanFor::kBest) {
              if (score > best.scores[i][half]) best.rows[i][half] = static_cast<std::int32_t>(row);
            }
            best.scores[i][half] = fmaxf(best.scores[i][half], score);
          }
        }
      }
    }
  }

  __device__ void write(Best& best, std::int64_t nth) const {
    const std::int64_t warp = thread_ / 32 % Form::kItemWarps;
    const std::int64_t bucket = ((nth * gridDim.x + blockIdx.x) * Form::kItemWarps + warp) * 4 + thread_ % 4;
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::int64_t q = first_query_ + query_of(i, half);
        if (q >= scan_.n_queries) continue;
        scan_.maxima[q * scan_.n_buckets + bucket] = best.scores[i][half];
        if constexpr (kFor == ScanFor::kBest) scan_.best_rows[q * scan_.n_buckets + bucket] = best.rows[i][half];
      }
    }
    best.clear();
  }

  const Scan& scan_;
  ScanStage* stages_;
  ScanShared& shared_;
  char* query_rows_;
  QueryBound* bounds_;
  const int n_slices_;
  const std::int64_t first_query_;
  const int thread_;
};

template <class Form, ScanFor kFor>
__device__ void run_scan(const Scan& scan) {
  extern __shared__ __align__(1024) char memory[];
  auto* stages = reinterpret_cast<ScanStage*>(memory);
  char* query_rows = memory + kStages * sizeof(ScanStage);
  char* behind = query_rows + scan_slices(scan.row_bytes) * (Form::kQueries * kSliceBytes);
  auto& shared = *reinterpret_cast<ScanShared*>(behind);
  auto* bounds = reinterpret_cast<QueryBound*>(behind + sizeof(ScanShared));
  ScanBlock<Form, kFor>(scan, stages, query_rows, shared, bounds).run();
}

template <DType kDType, int kQueries, ScanFor kFor>
__global__ void __launch_bounds__(kScanThreads, ScanByMma<kDType, kQueries>::kBlocksPerProcessor)
    scan_kernel(const __grid_constant__ Scan scan) {
  run_scan<ScanByMma<kDType, kQueries>, kFor>(scan);
}

/// The same on Hopper's own tensor core instructions. Other targets compile the name alone; the host does not ask for
/// it.
template <DType kDType, int kQueries, ScanFor kFor>
__global__ void __launch_bounds__(kScanThreads, 1) scan_wgmma_kernel(const __grid_constant__ Scan scan) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  run_scan<ScanByWgmma<kDType, kQueries>, kFor>(scan);
#else
  (void)scan;
  __trap();
#endif
}

template <DType kDType, ScanFor kFor>
ScanKernel scan_kernel_for(ScanForm form, std::int64_t block_queries) {
  const bool wgmma = form == ScanForm::kWgmma;
  switch (block_queries) {
    case 16: return scan_kernel<kDType, 16, kFor>;
    case 64: return scan_kernel<kDType, 64, kFor>;
    case 128: return wgmma ? scan_wgmma_kernel<kDType, 128, kFor> : scan_kernel<kDType, 128, kFor>;
    default: return wgmma ? scan_wgmma_kernel<kDType, 256, kFor> : scan_kernel<kDType, 256, kFor>;
  }
}

template <DType kDType>
ScanKernel scan_kernel_of(ScanForm form, std::int64_t block_queries, ScanFor what) {
  switch (what) {
    case ScanFor::kCandidates: return scan_kernel_for<kDType, ScanFor::kCandidates>(form, block_queries);
    case ScanFor::kMaxima: return scan_kernel_for<kDType, ScanFor::kMaxima>(form, block_queries);
    case ScanFor::kBest: break;
  }
  return scan_kernel_for<kDType, ScanFor::kBest>(form, block_queries);
}

}  // namespace segue::kernels::cuda
