#pragma once

#include <cstdint>

#include "kernels/item_vectors.h"

namespace segue::kernels::cpu {

inline constexpr int kPanelItems = 16;  ///< items side by side in a panel, one a lane
inline constexpr int kTilePanels = 2;   ///< panels a tile covers
inline constexpr int kTileItems = kPanelItems * kTilePanels;
inline constexpr int kMaxTileQueries = 12;  ///< queries a tile covers at most, over all instruction sets

/// One tile of int8 items and quantised queries.
struct Int8Tile {
  const std::int8_t* queries;       ///< [n_quads, n_queries, 4], zeros behind the last dimension
  const std::int32_t* corrections;  ///< [n_queries] -128 * sum of a query's levels
  const float* query_scales;        ///< [n_queries]
  int n_queries;                    ///< a value that queries_for returns
  const std::int8_t* panels;        ///< [kTilePanels, n_quads, 16, 4]
  const float* item_scales;         ///< [kTileItems]
  const float* bias;                ///< [kTileItems]
  std::int64_t n_quads;             ///< ceil(dim / 4)
};

/// The inner loops, one set an instruction set, each in a file of its own that holds no inline or template code shared
/// with another (the linker keeps one copy of such code, possibly one that the machine cannot run). All of them give
/// the same bits: a lane owns an item, and its sum runs over the dimensions in rising order.
struct TileKernels {
  const char* name;
  int tile_queries;  ///< queries a tile holds when there are enough

  /// Queries that the next tile should hold when `n_left` remain: n_left itself or a few more (padding), or
  /// tile_queries.
  int (*queries_for)(std::int64_t n_left);

  /// Writes `n_items` (0..16) rows of `dim`, `stride` elements apart, as a panel [dim, 16] of float32: widened, int8
  /// levels as they are. Lanes beyond n_items are 0.
  void (*pack_panel)(const void* items, DType dtype, std::int64_t stride, std::int64_t n_items, std::int64_t dim,
                     float* panel);

  /// Scores of one tile.
  /// @param queries    [dim, n_queries], n_queries a value that queries_for returns
  /// @param panels     [kTilePanels, dim, 16]
  /// @param bias       [kTileItems]
  /// @param out        [n_queries, kTileItems] with rows `out_stride` apart
  void (*score_tile)(const float* queries, int n_queries, const float* panels, const float* bias, std::int64_t dim,
                     float* out, std::int64_t out_stride);

  /// Turns exact sums [kTileItems] of int8 products into scores, in place:
  /// fma(sum, query_scale * item_scales[i], bias[i]).
  void (*scale_sums)(float query_scale, const float* item_scales, const float* bias, float* sums);

  /// Positions of `scores` [n] above `threshold`, rising; never NaN. @returns their number. `positions` has room for n
  /// + 16.
  int (*positions_above)(const float* scores, int n, float threshold, std::int32_t* positions);

  // For int8 items, where the processor multiplies int8 faster than float32; else nullptr, and their sums are made of
  // float32 products.

  /// As pack_panel, into [ceil(dim / 4), 16, 4].
  void (*pack_int8_panel)(const std::int8_t* items, std::int64_t stride, std::int64_t n_items, std::int64_t dim,
                          std::int8_t* panel);
  /// Scores of one tile; `out` as for score_tile.
  void (*score_int8_tile)(const Int8Tile& tile, float* out, std::int64_t out_stride);
};

const TileKernels& portable_tile_kernels();
const TileKernels& avx2_tile_kernels();    ///< x86-64-v3
const TileKernels& avx512_tile_kernels();  ///< F, VL, BW, DQ
const TileKernels& avx512_vnni_tile_kernels();

/// Scores of up to 16 items by the definition, from rows anywhere in memory; see Int8Kernels::score_rows.
void score_rows_avx512(const float* query, const ItemVectors& vectors, const float* bias, const std::int32_t* rows,
                       int n, float* out);

/// See TileKernels::pack_int8_panel.
void pack_int8_panel_avx512(const std::int8_t* items, std::int64_t stride, std::int64_t n_items, std::int64_t dim,
                            std::int8_t* panel);

/// The fastest set of instruction_set().
const TileKernels& tile_kernels();

}  // namespace segue::kernels::cpu
