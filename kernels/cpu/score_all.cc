// All scores: threads share the items; each packs two panels at a time, which stay in the first-level cache while all
// queries of a group, which stay in the second, pass over them.

#include <algorithm>

#include "kernels/cpu/packed_queries.h"
#include "kernels/cpu/workers.h"
#include "kernels/implementations.h"

namespace segue::kernels::cpu {
namespace {

/// 240 queries of 128 dimensions are 120 KB of the second-level cache, and their output rows 240 pages for the TLB.
constexpr std::int64_t kGroupQueries = 240;

void score_group(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores, int n_threads) {
  const TileKernels& kernels = tile_kernels();
  const PackedQueries packed(queries, kernels);
  const std::int64_t n_items = items.vectors.n_rows;
  const auto n_workers =
      static_cast<int>(std::clamp<std::int64_t>((n_items + kTileItems - 1) / kTileItems, 1, n_threads));
  run_workers(n_workers, [&](int worker) {
    ItemTile tile(queries.n_cols, kernels);
    float edge[kMaxTileQueries * kTileItems];
    const std::int64_t end = part_begin(n_items, kTileItems, worker + 1, n_workers);
    for (std::int64_t first = part_begin(n_items, kTileItems, worker, n_workers); first < end; first += kTileItems) {
      const std::int64_t n_tile = std::min<std::int64_t>(kTileItems, end - first);
      tile.load(items.vectors, items.bias, first, n_tile);
      for (const PackedQueries::Tile& block : packed.tiles()) {
        float* out = scores.row(block.first) + first;
        if (n_tile == kTileItems && block.n_queries == block.n_padded) {
          tile.score(block, out, scores.n_cols);
          continue;
        }
        tile.score(block, edge, kTileItems);
        for (int q = 0; q < block.n_queries; ++q) std::copy_n(edge + q * kTileItems, n_tile, out + q * scores.n_cols);
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
