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

__m256 load_8(const float* in) { return _mm256_loadu_ps(in); }
__m256 load_8(const BFloat16* in) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
__m256 load_8(const Float16* in) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in))); }
__m256 load_8(const std::int8_t* in) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(in))));
}

float widen(float value) { return value; }
float widen(BFloat16 value) { return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(value.bits << 16))); }
float widen(Float16 value) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(value.bits))); }
float widen(std::int8_t value) { return value; }

/// Transposes 8 rows, `stride` apart, into 8 columns, 16 apart.
template <class T>
void transpose_8x8(const T* in, std::int64_t stride, float* out) {
  __m256 r[8];
  for (int i = 0; i < 8; ++i) r[i] = load_8(in + i * stride);
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

template <class T>
void pack_rows(const void* rows, std::int64_t stride, std::int64_t n_items, std::int64_t dim, float* panel) {
  const auto* items = static_cast<const T*>(rows);
  std::int64_t i = 0;
  if (n_items == kPanelItems) {
    for (; i + 8 <= dim; i += 8) {
      transpose_8x8(items + i, stride, panel + i * kPanelItems);
      transpose_8x8(items + 8 * stride + i, stride, panel + i * kPanelItems + 8);
    }
  }
  for (; i < dim; ++i) {
    for (std::int64_t lane = 0; lane < kPanelItems; ++lane) {
      panel[i * kPanelItems + lane] = lane < n_items ? widen(items[lane * stride + i]) : 0.0F;
    }
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

void scale_sums(float query_scale, const float* item_scales, const float* bias, float* sums) {
  for (int i = 0; i < kTileItems; i += 8) {
    const __m256 scales = _mm256_mul_ps(_mm256_set1_ps(query_scale), _mm256_loadu_ps(item_scales + i));
    _mm256_storeu_ps(sums + i, _mm256_fmadd_ps(_mm256_loadu_ps(sums + i), scales, _mm256_loadu_ps(bias + i)));
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
  static constexpr TileKernels kKernels{"avx2",     kTileQueries,    queries_for, pack_panel, score_tile,
                                        scale_sums, positions_above, nullptr,     nullptr};
  return kKernels;
}

}  // namespace segue::kernels::cpu
