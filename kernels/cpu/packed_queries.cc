#include "kernels/cpu/packed_queries.h"

#include <algorithm>

namespace segue::kernels::cpu {
namespace {

/// float32 sums of int8 products are exact up to 2^24, whatever their order.
constexpr std::int64_t kExactDim = 1024;
static_assert(kExactDim * 127 * 128 <= 1 << 24);

}  // namespace

PackedQueries::PackedQueries(MatrixView<const float> queries, DType items, const TileKernels& kernels) {
  const std::int64_t dim = queries.n_cols;
  std::int64_t n_padded = 0;
  for (std::int64_t first = 0; first < queries.n_rows;) {
    const std::int64_t n_left = queries.n_rows - first;
    const int n_tile = kernels.queries_for(n_left);
    tiles_.push_back(
        {first, static_cast<int>(std::min<std::int64_t>(n_tile, n_left)), n_tile, nullptr, nullptr, nullptr, nullptr});
    first += n_tile;
    n_padded += n_tile;
  }
  if (items == DType::kInt8) {
    scales_.assign(static_cast<std::size_t>(n_padded), 0.0F);
    quantise(queries, kernels.score_int8_tile != nullptr);
    return;
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

void PackedQueries::quantise(MatrixView<const float> queries, bool as_int8) {
  const std::int64_t dim = queries.n_cols;
  const std::int64_t n_quads = (dim + 3) / 4;
  const auto n_padded = static_cast<std::int64_t>(scales_.size());
  if (as_int8) {
    int8_.assign(static_cast<std::size_t>(n_padded * n_quads * 4), 0);
    corrections_.assign(scales_.size(), 0);
  } else {
    data_.assign(static_cast<std::size_t>(n_padded * dim), 0.0F);
  }
  std::vector<std::int8_t> levels(static_cast<std::size_t>(n_quads * 4), 0);
  std::int64_t at = 0;  // of the tile's first query, padding counted
  for (Tile& tile : tiles_) {
    tile.scales = scales_.data() + at;
    if (as_int8) {
      tile.int8 = int8_.data() + at * n_quads * 4;
      tile.corrections = corrections_.data() + at;
    } else {
      tile.data = data_.data() + at * dim;
    }
    for (int q = 0; q < tile.n_queries; ++q) {
      scales_[static_cast<std::size_t>(at + q)] = to_int8(queries.row(tile.first + q), dim, levels.data());
      if (!as_int8) {
        float* out = data_.data() + at * dim;
        for (std::int64_t i = 0; i < dim; ++i) out[i * tile.n_padded + q] = levels[static_cast<std::size_t>(i)];
        continue;
      }
      std::int8_t* out = int8_.data() + at * n_quads * 4;
      std::int32_t sum = 0;
      for (std::int64_t i = 0; i < dim; ++i) {
        const std::int8_t level = levels[static_cast<std::size_t>(i)];
        out[(i / 4 * tile.n_padded + q) * 4 + i % 4] = level;
        sum += level;
      }
      corrections_[static_cast<std::size_t>(at + q)] = -128 * sum;
    }
    at += tile.n_padded;
  }
}

ItemTile::ItemTile(std::int64_t dim, DType items, const TileKernels& kernels)
    : kernels_(kernels),
      dim_(dim),
      is_int8_(items == DType::kInt8),
      slice_dim_(is_int8_ ? std::min(dim, kExactDim) : dim),
      bias_{},
      scales_{} {
  if (is_int8_ && kernels_.score_int8_tile != nullptr) {
    int8_panels_.resize(static_cast<std::size_t>(kTileItems * n_quads() * 4));
  } else {
    panels_.resize(static_cast<std::size_t>(kTileItems * dim));
  }
}

void ItemTile::load(const ItemVectors& items, const float* bias, std::int64_t first, std::int64_t n_items) {
  for (std::int64_t p = 0; p < kTilePanels; ++p) {
    const std::int64_t panel_first = p * kPanelItems;
    const std::int64_t n_panel = std::clamp<std::int64_t>(n_items - panel_first, 0, kPanelItems);
    const void* rows = items.row(n_panel > 0 ? first + panel_first : first);
    if (!int8_panels_.empty()) {
      kernels_.pack_int8_panel(static_cast<const std::int8_t*>(rows), items.stride(), n_panel, dim_,
                               int8_panels_.data() + p * kPanelItems * n_quads() * 4);
      continue;
    }
    for (std::int64_t from = 0; from < dim_; from += slice_dim_) {
      const std::int64_t n_dims = std::min(slice_dim_, dim_ - from);
      kernels_.pack_panel(static_cast<const std::byte*>(rows) + from * bytes_of(items.dtype), items.dtype,
                          items.stride(), n_panel, n_dims,
                          panels_.data() + (from * kTilePanels + p * n_dims) * kPanelItems);
    }
  }
  for (std::int64_t i = 0; i < kTileItems; ++i) bias_[i] = bias != nullptr && i < n_items ? bias[first + i] : 0.0F;
  if (!is_int8_) return;
  for (std::int64_t i = 0; i < kTileItems; ++i) scales_[i] = i < n_items ? items.scales[first + i] : 0.0F;
}

void ItemTile::score_int8(const PackedQueries::Tile& queries, float* out, std::int64_t out_stride) const {
  if (kernels_.score_int8_tile != nullptr) {
    return kernels_.score_int8_tile({queries.int8, queries.corrections, queries.scales, queries.n_padded,
                                     int8_panels_.data(), scales_, bias_, n_quads()},
                                    out, out_stride);
  }
  constexpr float kNoBias[kTileItems] = {};
  if (dim_ <= slice_dim_) {
    kernels_.score_tile(queries.data, queries.n_padded, panels_.data(), kNoBias, dim_, out, out_stride);
  } else {
    float sums[kMaxTileQueries * kTileItems];
    std::int32_t totals[kMaxTileQueries * kTileItems] = {};
    for (std::int64_t from = 0; from < dim_; from += slice_dim_) {
      kernels_.score_tile(queries.data + from * queries.n_padded, queries.n_padded, panels_.data() + from * kTileItems,
                          kNoBias, std::min(slice_dim_, dim_ - from), sums, kTileItems);
      for (int i = 0; i < queries.n_padded * kTileItems; ++i) totals[i] += static_cast<std::int32_t>(sums[i]);
    }
    for (int i = 0; i < queries.n_padded * kTileItems; ++i)
      out[i / kTileItems * out_stride + i % kTileItems] = static_cast<float>(totals[i]);
  }
  for (int q = 0; q < queries.n_padded; ++q)
    kernels_.scale_sums(queries.scales[q], scales_, bias_, out + q * out_stride);
}

}  // namespace segue::kernels::cpu
