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

// Shared memory of a block: the stages, the queries' rows [slice][query][kSliceBytes], ScanShared, and the queries'
// bounds. Stages and rows begin on 1024 bytes.

/// A slice of the rows of a tile.
struct alignas(1024) ScanStage {
  char bytes[kTileItems * kSliceBytes];
};

struct alignas(128) ScanShared {
  float bias[kStages][kTileItems];
  float scales[kStages][kTileItems];
  std::uint64_t hits[kHits];  ///< query of the block << 32 | item
  int n_hits;
};

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
