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

// 16 elements widened to float32; those outside the mask are not read, and 0.
__m512 load_16(__mmask16 mask, const float* in) { return _mm512_maskz_loadu_ps(mask, in); }
__m512 load_16(__mmask16 mask, const BFloat16* in) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, in)), 16));
}
__m512 load_16(__mmask16 mask, const Float16* in) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, in)); }
__m512 load_16(__mmask16 mask, const std::int8_t* in) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, in)));
}

constexpr __mmask16 kAll = 0xFFFF;
__mmask16 first_of(std::int64_t n) { return static_cast<__mmask16>((1U << n) - 1U); }

template <class T>
void pack_rows(const void* rows, std::int64_t stride, std::int64_t n_items, std::int64_t dim, float* panel) {
  const auto* items = static_cast<const T*>(rows);
  std::int64_t i = 0;
  __m512 r[16];
  if (n_items == kPanelItems) {
    for (; i + 16 <= dim; i += 16) {
      for (int lane = 0; lane < 16; ++lane) r[lane] = load_16(kAll, items + lane * stride + i);
      transpose(r);
      for (int column = 0; column < 16; ++column) _mm512_storeu_ps(panel + (i + column) * kPanelItems, r[column]);
    }
  }
  for (; i < dim; i += 16) {
    const std::int64_t n_columns = dim - i < 16 ? dim - i : 16;
    for (int lane = 0; lane < 16; ++lane)
      r[lane] = lane < n_items ? load_16(first_of(n_columns), items + lane * stride + i) : _mm512_setzero_ps();
    transpose(r);
    for (int column = 0; column < n_columns; ++column) _mm512_storeu_ps(panel + (i + column) * kPanelItems, r[column]);
  }
}

void pack_panel(const void* items, DType dtype, std::int64_t stride, std::int64_t n_items, std::int64_t dim,
                float* panel) {
  switch (dtype) {
    case DType::kFloat32: return pack_rows<float>(items, stride, n_items, dim, panel);
    case DType::kBFloat16: return pack_rows<BFloat16>(items, stride, n_items, dim, panel);
    case DType::kFloat16: return pack_rows<Float16>(items, stride, n_items, dim, panel);
    case DType::kInt8: return pack_rows<std::int8_t>(items, stride, n_items, dim, panel);
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

void scale_sums(float query_scale, const float* item_scales, const float* bias, float* sums) {
  for (int i = 0; i < kTileItems; i += 16) {
    const __m512 scales = _mm512_mul_ps(_mm512_set1_ps(query_scale), _mm512_loadu_ps(item_scales + i));
    _mm512_storeu_ps(sums + i, _mm512_fmadd_ps(_mm512_loadu_ps(sums + i), scales, _mm512_loadu_ps(bias + i)));
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

template <class T>
void score_rows(const float* query, const ItemVectors& vectors, const float* bias, const std::int32_t* rows, int n,
                float* out) {
  const std::int64_t dim = vectors.n_cols;
  const std::int64_t stride = vectors.row_stride == 0 ? dim : vectors.row_stride;
  const T* items[16];
  alignas(64) float start[16];
  for (int i = 0; i < 16; ++i) {
    const std::int64_t row = rows[i < n ? i : 0];
    items[i] = static_cast<const T*>(vectors.data) + row * stride;
    start[i] = bias == nullptr ? 0.0F : bias[row];
  }
  __m512 sum = _mm512_load_ps(start);
  std::int64_t at = 0;
  for (; at + 16 <= dim; at += 16) {
    __m512 r[16];
    for (int i = 0; i < 16; ++i) r[i] = load_16(kAll, items[i] + at);
    transpose(r);
    for (int j = 0; j < 16; ++j) sum = _mm512_fmadd_ps(_mm512_set1_ps(query[at + j]), r[j], sum);
  }
  if (at < dim) {
    const int n_left = static_cast<int>(dim - at);
    __m512 r[16];
    for (int i = 0; i < 16; ++i) r[i] = load_16(first_of(n_left), items[i] + at);
    transpose(r);
    for (int j = 0; j < n_left; ++j) sum = _mm512_fmadd_ps(_mm512_set1_ps(query[at + j]), r[j], sum);
  }
  _mm512_storeu_ps(out, sum);
}

}  // namespace

void score_rows_avx512(const float* query, const ItemVectors& vectors, const float* bias, const std::int32_t* rows,
                       int n, float* out) {
  switch (vectors.dtype) {
    case DType::kFloat32: return score_rows<float>(query, vectors, bias, rows, n, out);
    case DType::kBFloat16: return score_rows<BFloat16>(query, vectors, bias, rows, n, out);
    case DType::kFloat16: return score_rows<Float16>(query, vectors, bias, rows, n, out);
    case DType::kInt8: return;  // no int8 copy is made of them
  }
}

void pack_int8_panel_avx512(const std::int8_t* items, std::int64_t stride, std::int64_t n_items, std::int64_t dim,
                            std::int8_t* panel) {
  constexpr std::int64_t kColumns = 64;  // of int8, 16 groups of 4
  for (std::int64_t i = 0; i < dim; i += kColumns) {
    const std::int64_t n_columns = dim - i < kColumns ? dim - i : kColumns;
    const auto mask = static_cast<__mmask64>(~0ULL >> (kColumns - n_columns));
    __m512 r[16];
    for (int lane = 0; lane < 16; ++lane) {
      r[lane] = lane < n_items ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi8(mask, items + lane * stride + i))
                               : _mm512_setzero_ps();
    }
    transpose(r);
    for (int quad = 0; quad < (n_columns + 3) / 4; ++quad)
      _mm512_storeu_si512(panel + (i / 4 + quad) * kPanelItems * 4, _mm512_castps_si512(r[quad]));
  }
}

const TileKernels& avx512_tile_kernels() {
  static constexpr TileKernels kKernels{"avx512",   kTileQueries,    queries_for, pack_panel, score_tile,
                                        scale_sums, positions_above, nullptr,     nullptr};
  return kKernels;
}

}  // namespace segue::kernels::cpu
