// AVX-512: a tile is 12 queries by 32 items, 24 accumulators of 16 lanes.

#include <immintrin.h>

#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

constexpr int kTileQueries = kMaxTileQueries;

int queries_for(std::int64_t n_left) {
  if (n_left >= kTileQueries) return kTileQueries;
  return n_left <= 1 ? 1 : n_left <= 2 ? 2 : n_left <= 4 ? 4 : n_left <= 8 ? 8 : kTileQueries;
}

/// Transposes 16 vectors of 16 floats.
void transpose(__m512 (&r)[16]) {
  __m512 t[16];
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xEE);
    r[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xEE);
  }
  // r[4 * g + c] now holds, in 128-bit lane l, column 4 * l + c of rows 4 * g .. 4 * g + 3.
  for (int c = 0; c < 4; ++c) {
    t[c] = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);      // lanes 0 and 2 of both
    t[4 + c] = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xDD);  // lanes 1 and 3
    t[8 + c] = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
    t[12 + c] = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xDD);
  }
  for (int c = 0; c < 4; ++c) {
    r[c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0x88);
    r[4 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0x88);
    r[8 + c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0xDD);
    r[12 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0xDD);
  }
}

/// Transposes 16 rows, `stride` apart, of which the first 16 columns count, into a panel.
void transpose_16x16(const float* in, std::int64_t stride, float* out) {
  __m512 r[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(in + i * stride);
  transpose(r);
  for (int i = 0; i < 16; ++i) _mm512_storeu_ps(out + i * kPanelItems, r[i]);
}

void pack_panel(const float* items, std::int64_t n_items, std::int64_t dim, float* panel) {
  std::int64_t i = 0;
  if (n_items == kPanelItems) {
    for (; i + 16 <= dim; i += 16) transpose_16x16(items + i, dim, panel + i * kPanelItems);
  }
  for (; i < dim; ++i) {
    for (std::int64_t lane = 0; lane < kPanelItems; ++lane) {
      panel[i * kPanelItems + lane] = lane < n_items ? items[lane * dim + i] : 0.0F;
    }
  }
}

template <int kQueries>
void score_panels(const float* queries, const float* panels, const float* bias, std::int64_t dim, float* out,
                  std::int64_t out_stride) {
  const float* second = panels + dim * kPanelItems;
  __m512 low[kQueries];
  __m512 high[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    low[q] = _mm512_loadu_ps(bias);
    high[q] = _mm512_loadu_ps(bias + kPanelItems);
  }
  for (std::int64_t i = 0; i < dim; ++i) {
    const __m512 item_low = _mm512_loadu_ps(panels + i * kPanelItems);
    const __m512 item_high = _mm512_loadu_ps(second + i * kPanelItems);
    for (int q = 0; q < kQueries; ++q) {
      const __m512 query = _mm512_set1_ps(queries[i * kQueries + q]);
      low[q] = _mm512_fmadd_ps(query, item_low, low[q]);
      high[q] = _mm512_fmadd_ps(query, item_high, high[q]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    _mm512_storeu_ps(out + q * out_stride, low[q]);
    _mm512_storeu_ps(out + q * out_stride + kPanelItems, high[q]);
  }
}

void score_tile(const float* queries, int n_queries, const float* panels, const float* bias, std::int64_t dim,
                float* out, std::int64_t out_stride) {
  switch (n_queries) {
    case 1: return score_panels<1>(queries, panels, bias, dim, out, out_stride);
    case 2: return score_panels<2>(queries, panels, bias, dim, out, out_stride);
    case 4: return score_panels<4>(queries, panels, bias, dim, out, out_stride);
    case 8: return score_panels<8>(queries, panels, bias, dim, out, out_stride);
    default: return score_panels<kTileQueries>(queries, panels, bias, dim, out, out_stride);
  }
}

int positions_above(const float* scores, int n, float threshold, std::int32_t* positions) {
  const __m512 limit = _mm512_set1_ps(threshold);
  int n_found = 0;
  int i = 0;
  for (; i + 16 <= n; i += 16) {
    unsigned mask = _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + i), limit, _CMP_GT_OQ);
    for (; mask != 0; mask &= mask - 1) positions[n_found++] = i + __builtin_ctz(mask);
  }
  for (; i < n; ++i) {
    if (scores[i] > threshold) positions[n_found++] = i;
  }
  return n_found;
}

}  // namespace

void score_rows_avx512(const float* query, const float* vectors, const float* bias, std::int64_t dim,
                       const std::int32_t* rows, int n, float* out) {
  const float* items[16];
  alignas(64) float start[16];
  for (int i = 0; i < 16; ++i) {
    const std::int64_t row = rows[i < n ? i : 0];
    items[i] = vectors + row * dim;
    start[i] = bias == nullptr ? 0.0F : bias[row];
  }
  __m512 sum = _mm512_load_ps(start);
  std::int64_t at = 0;
  for (; at + 16 <= dim; at += 16) {
    __m512 r[16];
    for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(items[i] + at);
    transpose(r);
    for (int j = 0; j < 16; ++j) sum = _mm512_fmadd_ps(_mm512_set1_ps(query[at + j]), r[j], sum);
  }
  if (at < dim) {
    const int n_left = static_cast<int>(dim - at);
    const auto mask = static_cast<__mmask16>((1U << n_left) - 1U);
    __m512 r[16];
    for (int i = 0; i < 16; ++i) r[i] = _mm512_maskz_loadu_ps(mask, items[i] + at);
    transpose(r);
    for (int j = 0; j < n_left; ++j) sum = _mm512_fmadd_ps(_mm512_set1_ps(query[at + j]), r[j], sum);
  }
  _mm512_storeu_ps(out, sum);
}

const TileKernels& avx512_tile_kernels() {
  static constexpr TileKernels kKernels{"avx512", kTileQueries, queries_for, pack_panel, score_tile, positions_above};
  return kKernels;
}

}  // namespace segue::kernels::cpu
