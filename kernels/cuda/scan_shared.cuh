#pragma once

// What the kernel of a scan and the host that launches it agree on.

#include "kernels/cuda/scan.cuh"

namespace segue::kernels::cuda {

inline constexpr int kScanThreads = 256;
inline constexpr int kScanWarps = kScanThreads / 32;
inline constexpr int kTileItems = static_cast<int>(kCudaTileItems);
inline constexpr int kSliceBytes = 128;  ///< of each row in a stage
inline constexpr int kStages = 3;
inline constexpr int kHits = 1024;     ///< that find room in shared memory
inline constexpr int kManyHits = 512;  ///< from here they are moved on

/// Warps side by side along the queries; the others lie along the items.
constexpr int scan_query_warps(std::int64_t block_queries) {
  return block_queries == 256 ? 4 : block_queries == 16 ? 1 : 2;
}

/// Shared memory besides the queries' bounds and rows.
struct alignas(128) ScanShared {
  char stages[kStages][kTileItems * kSliceBytes];
  float bias[kStages][kTileItems];
  float scales[kStages][kTileItems];
  std::uint64_t hits[kHits];  ///< query of the block << 32 | item
  int n_hits;
};

using ScanKernel = void (*)(Scan);
template <DType kDType>
ScanKernel scan_kernel_of(std::int64_t block_queries, ScanFor what);

}  // namespace segue::kernels::cuda
