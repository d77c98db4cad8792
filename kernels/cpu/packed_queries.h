#pragma once

#include <cstdint>
#include <vector>

#include "kernels/aligned_vector.h"
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
    const float* data;   ///< [dim, n_padded]; int8 levels where items are int8, and nullptr where `int8` is there
    // Where items are int8:
    const std::int8_t* int8;          ///< see Int8Tile; nullptr where the kernels have none for it
    const std::int32_t* corrections;  ///< [n_padded], see Int8Tile
    const float* scales;              ///< [n_padded]
  };

  /// @param items  what the queries are to be multiplied with
  PackedQueries(MatrixView<const float> queries, DType items, const TileKernels& kernels);
  [[nodiscard]] const std::vector<Tile>& tiles() const { return tiles_; }

 private:
  void quantise(MatrixView<const float> queries, bool as_int8);

  AlignedVector<float> data_;
  std::vector<float> scales_;
  std::vector<std::int8_t> int8_;
  std::vector<std::int32_t> corrections_;
  std::vector<Tile> tiles_;
};

/// Two panels of items being scored, and their bias.
class ItemTile {
 public:
  ItemTile(std::int64_t dim, DType items, const TileKernels& kernels);
  /// Packs items [first, first + n_items), n_items in 1..kTileItems.
  void load(const ItemVectors& items, const float* bias, std::int64_t first, std::int64_t n_items);
  /// Scores of a tile of queries into out [n_padded, kTileItems], rows `out_stride` apart.
  void score(const PackedQueries::Tile& queries, float* out, std::int64_t out_stride) const {
    if (is_int8_) return score_int8(queries, out, out_stride);
    kernels_.score_tile(queries.data, queries.n_padded, panels_.data(), bias_, dim_, out, out_stride);
  }

 private:
  void score_int8(const PackedQueries::Tile& queries, float* out, std::int64_t out_stride) const;
  [[nodiscard]] std::int64_t n_quads() const { return (dim_ + 3) / 4; }

  const TileKernels& kernels_;
  std::int64_t dim_;
  bool is_int8_;
  std::int64_t slice_dim_;       ///< dimensions summed at a time: all of them, or as many as leave float32 sums exact
  AlignedVector<float> panels_;  ///< [slices, kTilePanels, slice_dim, 16]
  AlignedVector<std::int8_t> int8_panels_;  ///< in place of panels_, where the kernels have int8 products
  float bias_[kTileItems];
  float scales_[kTileItems];
};

}  // namespace segue::kernels::cpu
