// All scores: threads share the items. Each packs a strip of them, which stays in the second-level cache while all
// queries of a group pass over it. Scores of a strip are made in cache and copied out a row at a time: written straight
// from the tiles, 128 bytes here and there, they hold the arithmetic up by a third.

#include <algorithm>
#include <vector>

#include "kernels/cpu/packed_queries.h"
#include "kernels/cpu/workers.h"
#include "kernels/implementations.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::int64_t kGroupQueries = 240;  ///< of 128 dimensions: 120 KB
constexpr std::int64_t kStripItems = 512;    ///< of 128 dimensions: 256 KB

void score_group(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores, int n_threads) {
  const TileKernels& kernels = tile_kernels();
  const PackedQueries packed(queries, items.vectors.dtype, kernels);
  const std::int64_t n_items = items.vectors.n_rows;
  const auto n_workers =
      static_cast<int>(std::clamp<std::int64_t>((n_items + kTileItems - 1) / kTileItems, 1, n_threads));
  run_workers(n_workers, [&](int worker) {
    std::vector<ItemTile> strip(static_cast<std::size_t>(kStripItems / kTileItems),
                                ItemTile(queries.n_cols, items.vectors.dtype, kernels));
    std::vector<float> made(static_cast<std::size_t>(kMaxTileQueries * kStripItems));
    const std::int64_t end = part_begin(n_items, kTileItems, worker + 1, n_workers);
    for (std::int64_t first = part_begin(n_items, kTileItems, worker, n_workers); first < end; first += kStripItems) {
      const std::int64_t n_strip = std::min(kStripItems, end - first);
      const std::int64_t n_tiles = (n_strip + kTileItems - 1) / kTileItems;
      for (std::int64_t t = 0; t < n_tiles; ++t) {
        strip[static_cast<std::size_t>(t)].load(items.vectors, items.bias, first + t * kTileItems,
                                                std::min<std::int64_t>(kTileItems, n_strip - t * kTileItems));
      }
      for (const PackedQueries::Tile& block : packed.tiles()) {
        for (std::int64_t t = 0; t < n_tiles; ++t) {
          strip[static_cast<std::size_t>(t)].score(block, made.data() + t * kTileItems, kStripItems);
        }
        for (int q = 0; q < block.n_queries; ++q) {
          std::copy_n(made.data() + q * kStripItems, n_strip, scores.row(block.first + q) + first);
        }
      }
    }
  });
}

}  // namespace

void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores, int n_threads) {
  for (std::int64_t first = 0; first < queries.n_rows; first += kGroupQueries) {
    const std::int64_t n = std::min(kGroupQueries, queries.n_rows - first);
    score_group({queries.row(first), n, queries.n_cols}, items, {scores.row(first), n, scores.n_cols}, n_threads);
  }
}

}  // namespace segue::kernels::cpu
