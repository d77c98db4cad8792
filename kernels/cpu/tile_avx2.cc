// x86-64-v3: a tile is 6 queries by 16 items at a time, 12 accumulators of 8 lanes; the second panel follows the first.

#include <immintrin.h>

#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

constexpr int kTileQueries = 6;

int queries_for(std::int64_t n_left) {
  if (n_left >= kTileQueries) return kTileQueries;
  return n_left <= 1 ? 1 : n_left <= 2 ? 2 : n_left <= 4 ? 4 : kTileQueries;
}

/// Transposes 8 rows, `stride` apart, into 8 columns, 16 apart.
void transpose_8x8(const float* in, std::int64_t stride, float* out) {
  __m256 r[8];
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(in + i * stride);
  __m256 t[8];
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xEE);
    r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xEE);
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(out + i * kPanelItems, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(out + (i + 4) * kPanelItems, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

void pack_panel(const float* items, std::int64_t n_items, std::int64_t dim, float* panel) {
  std::int64_t i = 0;
  if (n_items == kPanelItems) {
    for (; i + 8 <= dim; i += 8) {
      transpose_8x8(items + i, dim, panel + i * kPanelItems);
      transpose_8x8(items + 8 * dim + i, dim, panel + i * kPanelItems + 8);
    }
  }
  for (; i < dim; ++i) {
    for (std::int64_t lane = 0; lane < kPanelItems; ++lane) {
      panel[i * kPanelItems + lane] = lane < n_items ? items[lane * dim + i] : 0.0F;
    }
  }
}

template <int kQueries>
void score_panel(const float* queries, const float* panel, const float* bias, std::int64_t dim, float* out,
                 std::int64_t out_stride) {
  __m256 low[kQueries];
  __m256 high[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    low[q] = _mm256_loadu_ps(bias);
    high[q] = _mm256_loadu_ps(bias + 8);
  }
  for (std::int64_t i = 0; i < dim; ++i) {
    const __m256 item_low = _mm256_loadu_ps(panel + i * kPanelItems);
    const __m256 item_high = _mm256_loadu_ps(panel + i * kPanelItems + 8);
    for (int q = 0; q < kQueries; ++q) {
      const __m256 query = _mm256_broadcast_ss(queries + i * kQueries + q);
      low[q] = _mm256_fmadd_ps(query, item_low, low[q]);
      high[q] = _mm256_fmadd_ps(query, item_high, high[q]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    _mm256_storeu_ps(out + q * out_stride, low[q]);
    _mm256_storeu_ps(out + q * out_stride + 8, high[q]);
  }
}

template <int kQueries>
void score_panels(const float* queries, const float* panels, const float* bias, std::int64_t dim, float* out,
                  std::int64_t out_stride) {
  for (int p = 0; p < kTilePanels; ++p) {
    score_panel<kQueries>(queries, panels + p * dim * kPanelItems, bias + p * kPanelItems, dim, out + p * kPanelItems,
                          out_stride);
  }
}

void score_tile(const float* queries, int n_queries, const float* panels, const float* bias, std::int64_t dim,
                float* out, std::int64_t out_stride) {
  switch (n_queries) {
    case 1: return score_panels<1>(queries, panels, bias, dim, out, out_stride);
    case 2: return score_panels<2>(queries, panels, bias, dim, out, out_stride);
    case 4: return score_panels<4>(queries, panels, bias, dim, out, out_stride);
    default: return score_panels<kTileQueries>(queries, panels, bias, dim, out, out_stride);
  }
}

int positions_above(const float* scores, int n, float threshold, std::int32_t* positions) {
  const __m256 limit = _mm256_set1_ps(threshold);
  int n_found = 0;
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    auto mask =
        static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(scores + i), limit, _CMP_GT_OQ)));
    for (; mask != 0; mask &= mask - 1) positions[n_found++] = i + __builtin_ctz(mask);
  }
  for (; i < n; ++i) {
    if (scores[i] > threshold) positions[n_found++] = i;
  }
  return n_found;
}

}  // namespace

const TileKernels& avx2_tile_kernels() {
  static constexpr TileKernels kKernels{"avx2", kTileQueries, queries_for, pack_panel, score_tile, positions_above};
  return kKernels;
}

}  // namespace segue::kernels::cpu
