#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/tile_kernels.h"
#include "kernels/matrix_view.h"

namespace segue::kernels::cpu {

/// Queries cut into tiles, each [dim, tile queries], so that a tile is read front to back.
class PackedQueries {
 public:
  struct Tile {
    std::int64_t first;  ///< query
    int n_queries;       ///< real ones
    int n_padded;        ///< with padding: a value of TileKernels::queries_for
    const float* data;   ///< [dim, n_padded]
  };

  PackedQueries(MatrixView<const float> queries, const TileKernels& kernels);
  [[nodiscard]] const std::vector<Tile>& tiles() const { return tiles_; }

 private:
  std::vector<float> data_;
  std::vector<Tile> tiles_;
};

/// Two panels of items being scored, and their bias.
class ItemTile {
 public:
  ItemTile(std::int64_t dim, const TileKernels& kernels);
  /// Packs items [first, first + n_items), n_items in 1..kTileItems.
  void load(MatrixView<const float> items, const float* bias, std::int64_t first, std::int64_t n_items);
  /// Scores of a tile of queries into out [n_padded, kTileItems], rows `out_stride` apart.
  void score(const PackedQueries::Tile& queries, float* out, std::int64_t out_stride) const {
    kernels_.score_tile(queries.data, queries.n_padded, panels_.data(), bias_, dim_, out, out_stride);
  }

 private:
  const TileKernels& kernels_;
  std::int64_t dim_;
  std::vector<float> panels_;
  float bias_[kTileItems];
};

}  // namespace segue::kernels::cpu
