#pragma once

// Who of a block holds which sum, and how sums grow, by mma.sync: sm_80 and later.

#include "kernels/cuda/scan_shared.cuh"
#include "kernels/cuda/tensor_core.cuh"

namespace segue::kernels::cuda {

/// A warp has 64 queries by 64 items at the widest: 4 x 8 mma tiles of 16 x 8, 128 sums a thread.
template <DType kOfDType, int kOfQueries>
struct ScanByMma {
  using Core = TensorCore<kOfDType>;
  using Sum = typename Core::Sum;
  static constexpr DType kDType = kOfDType;
  static constexpr int kQueries = kOfQueries;
  static constexpr ScanSizes kSizes = scan_sizes(ScanForm::kMma, kQueries);
  static constexpr int kQueryWarps = scan_query_warps(kQueries);
  static constexpr int kItemWarps = kSizes.hit_warps / kQueryWarps;
  static constexpr int kRowTiles = kQueries / kQueryWarps / 16;  // mma tiles of a warp along the queries
  static constexpr int kColTiles = kTileItems / kItemWarps / 8;  // and along the items
  static constexpr int kBlocksPerProcessor = kQueries >= 128 ? 2 : 3;
  static constexpr int kBucketParts = scan_bucket_parts(ScanForm::kMma, kQueries);
  using Sums = Sum[kRowTiles][kColTiles][4];

  /// The query of the upper half of a row tile that a thread holds sums of, and its first item of a column tile.
  static __device__ int query_of(int thread, int row_tile) {
    return thread / 32 / kItemWarps * (kRowTiles * 16) + row_tile * 16 + thread % 32 / 4;
  }
  static __device__ int item_of(int thread, int col_tile) {
    return thread / 32 % kItemWarps * (kColTiles * 8) + col_tile * 8 + thread % 4 * 2;
  }

  /// Adds the products of a slice of the queries' rows and of the items' in a stage.
  static __device__ void multiply(Sums& sums, const char* query_slice, const ScanStage& stage) {
    const int thread = static_cast<int>(threadIdx.x);
    const int lane = thread % 32;
    const int query_row = thread / 32 / kItemWarps * (kRowTiles * 16) + lane % 16;
    const int item_row = thread / 32 % kItemWarps * (kColTiles * 8) + lane % 8 + lane / 16 * 8;
    const std::uint32_t queries =
        shared_address(query_slice) + static_cast<std::uint32_t>(swizzled(query_row, lane / 16));
    const std::uint32_t items =
        shared_address(stage.bytes) + static_cast<std::uint32_t>(swizzled(item_row, lane / 8 % 2));
#pragma unroll
    for (int step = 0; step < kSliceBytes / kStepBytes; ++step) {
      // Two chunks on: bits 5 and 6 of the address, which the permutation flips as they are.
      const std::uint32_t flip = static_cast<std::uint32_t>(step) * kStepBytes;
      std::uint32_t a[kRowTiles][4];
      std::uint32_t b[kColTiles / 2][4];
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) load_matrices(a[i], (queries ^ flip) + i * 16 * kSliceBytes);
#pragma unroll
      for (int j = 0; j < kColTiles / 2; ++j) load_matrices(b[j], (items ^ flip) + j * 16 * kSliceBytes);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
        for (int j = 0; j < kColTiles; ++j)
          Core::multiply(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
};

}  // namespace segue::kernels::cuda
