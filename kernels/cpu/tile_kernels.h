#pragma once

#include <cstdint>

namespace segue::kernels::cpu {

inline constexpr int kPanelItems = 16;  ///< items side by side in a panel, one a lane
inline constexpr int kTilePanels = 2;   ///< panels a tile covers
inline constexpr int kTileItems = kPanelItems * kTilePanels;
inline constexpr int kMaxTileQueries = 12;  ///< queries a tile covers at most, over all instruction sets

/// The inner loops, one set an instruction set, each in a file of its own that holds no inline or template code shared
/// with another (the linker keeps one copy of such code, possibly one that the machine cannot run). All of them give
/// the same bits: a lane owns an item, and its sum runs over the dimensions in rising order.
struct TileKernels {
  const char* name;
  int tile_queries;  ///< queries a tile holds when there are enough

  /// Queries that the next tile should hold when `n_left` remain: n_left itself or a few more (padding), or
  /// tile_queries.
  int (*queries_for)(std::int64_t n_left);

  /// Writes `n_items` (1..16) rows of `dim` as a panel [dim, 16]; lanes beyond n_items are 0.
  void (*pack_panel)(const float* items, std::int64_t n_items, std::int64_t dim, float* panel);

  /// Scores of one tile.
  /// @param queries    [dim, n_queries], n_queries a value that queries_for returns
  /// @param panels     [kTilePanels, dim, 16]
  /// @param bias       [kTileItems]
  /// @param out        [n_queries, kTileItems] with rows `out_stride` apart
  void (*score_tile)(const float* queries, int n_queries, const float* panels, const float* bias, std::int64_t dim,
                     float* out, std::int64_t out_stride);

  /// Positions of `scores` [n] above `threshold`, rising; never NaN. @returns their number. `positions` has room for n
  /// + 16.
  int (*positions_above)(const float* scores, int n, float threshold, std::int32_t* positions);
};

const TileKernels& portable_tile_kernels();
const TileKernels& avx2_tile_kernels();    ///< x86-64-v3
const TileKernels& avx512_tile_kernels();  ///< F, VL, BW, DQ

/// Scores of up to 16 items by the definition, from rows anywhere in memory; see Int8Kernels::score_rows.
void score_rows_avx512(const float* query, const float* vectors, const float* bias, std::int64_t dim,
                       const std::int32_t* rows, int n, float* out);

/// The fastest set of instruction_set().
const TileKernels& tile_kernels();

}  // namespace segue::kernels::cpu
