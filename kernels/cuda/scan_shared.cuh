#pragma once

// What the kernels of a scan and the host that launches them agree on.

#include "kernels/cuda/scan.cuh"

namespace segue::kernels::cuda {

inline constexpr int kTileItems = static_cast<int>(kCudaTileItems);
inline constexpr int kSliceBytes = 128;   ///< of each row in a stage
inline constexpr int kGroupQueries = 64;  ///< that a group of four warps multiplies by wgmma
inline constexpr int kWarpHits = 64;      ///< threads with hits, of a warp, that find room in shared memory

/// A slice of the rows of a tile.
struct alignas(1024) ScanStage {
  char bytes[kTileItems * kSliceBytes];
};

/// What a tile's items have beside their rows.
struct alignas(16) TileFacts {
  float bias[kTileItems];
  float scales[kTileItems];
  CudaTile bounds;
};

/// Hits of a warp, until there are many. Each is of one thread in one row of its sums: the tile << 40, the row of sums
/// << 37, the lane << 32, and which of its items did not hit.
struct alignas(16) WarpHits {
  std::uint64_t hits[kWarpHits];
};

/// How many of what a block has.
struct ScanSizes {
  int threads;
  int hit_warps;  ///< that look at sums
  int stages;     ///< slices in shared memory at a time
  int facts;      ///< tiles whose facts are there at a time
};

/// By mma 4 warps load, multiply and look. Two blocks of 128 queries share a multiprocessor, and so one multiplies
/// while the other looks; fewer queries wait for memory, and have a stage more.
/// By wgmma groups of 4 warps multiply and look, each for 64 queries, and another loads; facts of a tile stay until all
/// its sums were looked at, which is sure as soon as a slice of the next tile was left.
SEGUE_HOST_DEVICE constexpr ScanSizes scan_sizes(ScanForm form, std::int64_t block_queries) {
  if (form == ScanForm::kWgmma && block_queries >= 128) {
    const int hit_warps = static_cast<int>(block_queries) / kGroupQueries * 4;
    return {32 * (hit_warps + 4), hit_warps, 5, 6};
  }
  const int stages = block_queries >= 128 ? 2 : 3;
  return {128, 4, stages, stages};
}

/// Buckets that a thread divides its items of a tile into.
SEGUE_HOST_DEVICE constexpr int scan_bucket_parts(ScanForm form, std::int64_t block_queries) {
  return form == ScanForm::kWgmma && block_queries >= 128 ? 4 : 2;
}

/// Warps side by side along the queries by mma; the others lie along the items.
SEGUE_HOST_DEVICE constexpr int scan_query_warps(std::int64_t block_queries) { return block_queries == 16 ? 1 : 2; }

// Shared memory of a block: the stages, the queries' rows [slice][query][kSliceBytes], the facts of tiles, the hits of
// warps, the queries' bounds, and two barriers a stage. Stages and rows begin on 1024 bytes.

/// Slices of a row.
SEGUE_HOST_DEVICE constexpr std::int64_t scan_slices(std::int64_t row_bytes) {
  return (row_bytes + kSliceBytes - 1) / kSliceBytes;
}

/// Where chunk `chunk` of 16 bytes of a row lies among rows of kSliceBytes.
SEGUE_HOST_DEVICE constexpr int swizzled(int row, int chunk) { return row * kSliceBytes + ((chunk ^ (row & 7)) << 4); }

using ScanKernel = void (*)(Scan);
template <DType kDType>
ScanKernel scan_kernel_of(ScanForm form, std::int64_t block_queries, ScanFor what);

}  // namespace segue::kernels::cuda
