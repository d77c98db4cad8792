#include "kernels/cpu/packed_queries.h"

#include <algorithm>

namespace segue::kernels::cpu {

PackedQueries::PackedQueries(MatrixView<const float> queries, const TileKernels& kernels) {
  const std::int64_t dim = queries.n_cols;
  std::int64_t n_padded = 0;
  for (std::int64_t first = 0; first < queries.n_rows;) {
    const std::int64_t n_left = queries.n_rows - first;
    const int n_tile = kernels.queries_for(n_left);
    tiles_.push_back({first, static_cast<int>(std::min<std::int64_t>(n_tile, n_left)), n_tile, nullptr});
    first += n_tile;
    n_padded += n_tile;
  }
  data_.assign(static_cast<std::size_t>(n_padded * dim), 0.0F);
  float* out = data_.data();
  for (Tile& tile : tiles_) {
    tile.data = out;
    for (int q = 0; q < tile.n_queries; ++q) {
      const float* query = queries.row(tile.first + q);
      for (std::int64_t i = 0; i < dim; ++i) out[i * tile.n_padded + q] = query[i];
    }
    out += dim * tile.n_padded;
  }
}

ItemTile::ItemTile(std::int64_t dim, const TileKernels& kernels)
    : kernels_(kernels), dim_(dim), panels_(static_cast<std::size_t>(kTileItems * dim)), bias_{} {}

void ItemTile::load(MatrixView<const float> items, const float* bias, std::int64_t first, std::int64_t n_items) {
  for (std::int64_t p = 0; p < kTilePanels; ++p) {
    const std::int64_t panel_first = p * kPanelItems;
    const std::int64_t n_panel = std::clamp<std::int64_t>(n_items - panel_first, 0, kPanelItems);
    float* panel = panels_.data() + p * kPanelItems * dim_;
    if (n_panel > 0) {
      kernels_.pack_panel(items.row(first + panel_first), n_panel, dim_, panel);
    } else {
      std::fill_n(panel, kPanelItems * dim_, 0.0F);
    }
  }
  for (std::int64_t i = 0; i < kTileItems; ++i) bias_[i] = bias != nullptr && i < n_items ? bias[first + i] : 0.0F;
}

}  // namespace segue::kernels::cpu
