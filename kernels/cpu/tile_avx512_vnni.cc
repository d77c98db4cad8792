// AVX-512 VNNI: as tile_avx512.cc, with integer products for int8 items.

#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

template <int kQueries>
void score_queries(const Int8Tile& tile, float* out, std::int64_t out_stride) {
  const std::int8_t* first = tile.panels;
  const std::int8_t* second = first + tile.n_quads * kPanelItems * 4;
  const std::int8_t* query = tile.queries;
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(0x80));  // makes levels unsigned, as the product wants one
  __m512i low[kQueries];
  __m512i high[kQueries];
  for (int q = 0; q < kQueries; ++q) low[q] = high[q] = _mm512_set1_epi32(tile.corrections[q]);
  for (std::int64_t quad = 0; quad < tile.n_quads; ++quad) {
    const __m512i items_low = _mm512_xor_si512(_mm512_loadu_si512(first + quad * kPanelItems * 4), offset);
    const __m512i items_high = _mm512_xor_si512(_mm512_loadu_si512(second + quad * kPanelItems * 4), offset);
    for (int q = 0; q < kQueries; ++q, query += 4) {
      int four = 0;
      std::memcpy(&four, query, 4);
      const __m512i spread = _mm512_set1_epi32(four);
      low[q] = _mm512_dpbusd_epi32(low[q], items_low, spread);
      high[q] = _mm512_dpbusd_epi32(high[q], items_high, spread);
    }
  }
  const __m512 scale_low = _mm512_loadu_ps(tile.item_scales);
  const __m512 scale_high = _mm512_loadu_ps(tile.item_scales + kPanelItems);
  const __m512 bias_low = _mm512_loadu_ps(tile.bias);
  const __m512 bias_high = _mm512_loadu_ps(tile.bias + kPanelItems);
  for (int q = 0; q < kQueries; ++q) {
    const __m512 scale = _mm512_set1_ps(tile.query_scales[q]);
    _mm512_storeu_ps(out + q * out_stride,
                     _mm512_fmadd_ps(_mm512_cvtepi32_ps(low[q]), _mm512_mul_ps(scale, scale_low), bias_low));
    _mm512_storeu_ps(out + q * out_stride + kPanelItems,
                     _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[q]), _mm512_mul_ps(scale, scale_high), bias_high));
  }
}

void score_int8_tile(const Int8Tile& tile, float* out, std::int64_t out_stride) {
  switch (tile.n_queries) {
    case 1: return score_queries<1>(tile, out, out_stride);
    case 2: return score_queries<2>(tile, out, out_stride);
    case 4: return score_queries<4>(tile, out, out_stride);
    case 8: return score_queries<8>(tile, out, out_stride);
    default: return score_queries<kMaxTileQueries>(tile, out, out_stride);
  }
}

}  // namespace

const TileKernels& avx512_vnni_tile_kernels() {
  static const TileKernels kKernels = [] {
    TileKernels kernels = avx512_tile_kernels();
    kernels.name = "avx512_vnni";
    kernels.pack_int8_panel = pack_int8_panel_avx512;
    kernels.score_int8_tile = score_int8_tile;
    return kernels;
  }();
  return kKernels;
}

}  // namespace segue::kernels::cpu
