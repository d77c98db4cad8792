// AVX-512 VNNI: a tile is up to 12 queries by 32 items, 24 accumulators of 16 lanes, compared where they lie.

#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/int8_compare_avx512.inl"
#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/int8_limits.inl"
#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

constexpr int kTileQueries = 12;
constexpr int kStreaming = 4;  ///< queries with which reading the items takes longer than multiplying them

int queries_for(std::int64_t n_left) {
  if (n_left >= kTileQueries) return kTileQueries;
  return n_left <= 1 ? 1 : n_left <= 2 ? 2 : n_left <= 4 ? 4 : n_left <= 8 ? 8 : kTileQueries;
}

std::int64_t packed_bytes(int n_queries, std::int64_t dim) { return n_queries * dim; }

/// [dim / 4, n_queries, 4]
void pack_queries(const std::int8_t* const* queries, int n, int n_queries, std::int64_t dim, std::int8_t* out) {
  for (std::int64_t quad = 0; quad < dim / 4; ++quad) {
    for (int q = 0; q < n; ++q) std::memcpy(out + (quad * n_queries + q) * 4, queries[q] + quad * 4, 4);
  }
}

template <int kQueries>
void scan_tile(const Int8Scan& scan) {
  const std::int64_t n_quads = scan.dim / 4;
  for (std::int64_t panel = 0; panel < scan.n_panels; panel += 2) {
    const std::uint8_t* first = scan.panels + panel * n_quads * 64;
    const std::uint8_t* second = first + n_quads * 64;
    __m512i low[kQueries];
    __m512i high[kQueries];
    for (int q = 0; q < kQueries; ++q) low[q] = high[q] = _mm512_setzero_si512();
    const std::int8_t* query = scan.queries;
    const std::uint8_t* next = scan.next + panel * n_quads * 64;
    for (std::int64_t quad = 0; quad < n_quads; ++quad) {
      if (kQueries <= kStreaming) {
        _mm_prefetch(next + quad * 128, _MM_HINT_T1);
        _mm_prefetch(next + quad * 128 + 64, _MM_HINT_T1);
      }
      const __m512i items_low = _mm512_loadu_si512(first + quad * 64);
      const __m512i items_high = _mm512_loadu_si512(second + quad * 64);
      for (int q = 0; q < kQueries; ++q, query += 4) {
        int four = 0;
        std::memcpy(&four, query, 4);
        const __m512i spread = _mm512_set1_epi32(four);
        low[q] = _mm512_dpbusd_epi32(low[q], items_low, spread);
        high[q] = _mm512_dpbusd_epi32(high[q], items_high, spread);
      }
    }
    const std::int64_t place = panel * kPanel;
    if (scan.bias == nullptr) {
      for (int q = 0; q < kQueries; ++q) compare(scan, q, place, low[q], high[q]);
    } else {
      for (int q = 0; q < kQueries; ++q) compare_biased(scan, q, place, low[q], high[q]);
    }
  }
}

void scan_block(const Int8Scan& scan) {
  switch (scan.n_queries) {
    case 1: return scan_tile<1>(scan);
    case 2: return scan_tile<2>(scan);
    case 4: return scan_tile<4>(scan);
    case 8: return scan_tile<8>(scan);
    default: return scan_tile<kTileQueries>(scan);
  }
}

void nothing() {}

}  // namespace

bool set_int8_limits_avx512(const Int8Limits& limits) { return set_limits(limits); }

const Int8Kernels& avx512_vnni_int8_kernels() {
  static constexpr Int8Kernels kKernels{
      "avx512_vnni",          kTileQueries, queries_for,       packed_bytes, pack_queries,
      set_int8_limits_avx512, scan_block,   score_rows_avx512, nothing,      nothing};
  return kKernels;
}

}  // namespace segue::kernels::cpu
