#pragma once

// From the items' rows in global memory to slices of tiles in shared memory, by cp.async.

#include "kernels/cuda/scan_shared.cuh"
#include "kernels/cuda/tensor_core.cuh"

namespace segue::kernels::cuda {

/// The rows of the tiles of a scan, and how kThreads threads copy them.
///
/// Chunks of 16 bytes are permuted by the row (chunk ^ row % 8), so that neither cp.async nor ldmatrix meets a bank
/// twice; it is also what wgmma calls the 128-byte swizzle.
template <ScanFor kFor, bool kScaled, int kThreads>
class ScanRows {
  static constexpr int kChunks = kSliceBytes / 16;
  static constexpr int kRowsAtOnce = kThreads / kChunks;

 public:
  /// @param thread  of those that copy
  __device__ ScanRows(const Scan& scan, int thread) : scan_(scan), thread_(thread) {}

  /// The rows of a tile.
  struct OfTile {
    __device__ OfTile(const Scan& scan, int tile) : n_tiles(static_cast<int>(scan.n_tiles)), tile(tile) {
      if constexpr (kFor == ScanFor::kBest) first = static_cast<int>(tile * scan.tile_multiplier % scan.n_tiles);
    }
    /// For kBest. Rows far from each other, so that neighbours, which may be alike, are in different buckets: those of
    /// a tile are n_tiles apart, and lie in it in another order in each tile.
    __device__ std::int64_t shuffled(int item) const {
      const std::uint32_t turn = static_cast<std::uint32_t>(tile) * 2654435761U >> 25;  // by Knuth's hash
      return first + static_cast<std::int64_t>((item * 37 + static_cast<int>(turn)) % kTileItems) * n_tiles;
    }
    const int n_tiles, tile;
    int first = 0;
  };

  /// The row of an item of a tile; behind the last it is scan.n_items at least.
  static __device__ std::int64_t row_at(const Scan& scan, int tile, int item) {
    if constexpr (kFor == ScanFor::kBest) {
      return OfTile(scan, tile).shuffled(item);
    } else {
      return scan.first_row + (static_cast<std::int64_t>(tile) * kTileItems + item) * scan.row_step;
    }
  }

  /// Asks for a slice of a tile's rows, and with the first slice for what else its items have.
  __device__ void load(int tile, int slice, ScanStage& stage, TileFacts& facts) const {
    const int chunk = thread_ % kChunks;
    const int own = thread_ / kChunks;
    const std::int64_t at = static_cast<std::int64_t>(slice) * kSliceBytes + chunk * 16;
    const bool in_row = at < scan_.row_bytes;
    const std::uint32_t to = shared_address(stage.bytes);
    if constexpr (kFor == ScanFor::kBest) {
      const OfTile rows(scan_, tile);
#pragma unroll 1
      for (int i = 0; i < kTileItems / kRowsAtOnce; ++i) {
        const std::int64_t row = rows.shuffled(i * kRowsAtOnce + own);
        const bool exists = in_row && row < scan_.n_items;
        const char* from = scan_.items + (exists ? row * scan_.row_bytes + at : 0);
        copy_16_async(to + static_cast<std::uint32_t>(swizzled(i * kRowsAtOnce + own, chunk)), from, exists);
      }
    } else {
      const std::int64_t first = static_cast<std::int64_t>(tile) * kTileItems;
      const std::int64_t n_left = scan_.n_rows - first;
      const int n_there = in_row ? static_cast<int>(n_left < kTileItems ? n_left : kTileItems) : 0;
      const char* from = scan_.items + row_at(scan_, tile, own) * scan_.row_bytes + at;
      const std::int64_t step = kRowsAtOnce * scan_.row_step * scan_.row_bytes;
      if (n_there == kTileItems) {
#pragma unroll
        for (int i = 0; i < kTileItems / kRowsAtOnce; ++i, from += step)
          copy_16_async(to + static_cast<std::uint32_t>(swizzled(i * kRowsAtOnce + own, chunk)), from);
      } else {
#pragma unroll 1
        for (int i = 0; i < kTileItems / kRowsAtOnce; ++i, from += step) {
          const bool exists = i * kRowsAtOnce + own < n_there;
          copy_16_async(to + static_cast<std::uint32_t>(swizzled(i * kRowsAtOnce + own, chunk)),
                        exists ? from : scan_.items, exists);
        }
      }
    }
    if (slice == 0) load_facts(tile, facts);
  }

 private:
  __device__ void load_facts(int tile, TileFacts& facts) const {
    if (scan_.bias != nullptr || kScaled) {
#pragma unroll 1
      for (int item = thread_; item < kTileItems; item += kThreads) {
        const std::int64_t row = row_at(scan_, tile, item);
        const bool exists = row < scan_.n_items;
        if (scan_.bias != nullptr)
          copy_4_async(shared_address(&facts.bias[item]), scan_.bias + (exists ? row : 0), exists);
        if (kScaled) copy_4_async(shared_address(&facts.scales[item]), scan_.scales + (exists ? row : 0), exists);
      }
    }
    constexpr int kWords = sizeof(CudaTile) / 4;
    if (kFor == ScanFor::kCandidates && thread_ < kWords) {
      copy_4_async(shared_address(reinterpret_cast<float*>(&facts.bounds) + thread_),
                   reinterpret_cast<const float*>(scan_.tiles + tile) + thread_, true);
    }
  }

  const Scan& scan_;
  const int thread_;
};

}  // namespace segue::kernels::cuda
