// AVX-512 VNNI: a tile is up to 12 queries by 32 items, 24 accumulators of 16 lanes, compared where they lie.

#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

constexpr int kTileQueries = 12;

int queries_for(std::int64_t n_left) {
  if (n_left >= kTileQueries) return kTileQueries;
  return n_left <= 1 ? 1 : n_left <= 2 ? 2 : n_left <= 4 ? 4 : n_left <= 8 ? 8 : kTileQueries;
}

std::int64_t packed_bytes(int n_queries, std::int64_t dim) { return n_queries * dim; }

/// [dim / 4, n_queries, 4]
void pack_queries(const std::int8_t* queries, int n, int n_queries, std::int64_t dim, std::int8_t* out) {
  for (std::int64_t quad = 0; quad < dim / 4; ++quad) {
    for (int q = 0; q < n; ++q) std::memcpy(out + (quad * n_queries + q) * 4, queries + q * dim + quad * 4, 4);
  }
}

void append(unsigned mask, std::uint32_t position, std::uint32_t*& end) {
  for (; mask != 0; mask &= mask - 1) *end++ = position + static_cast<std::uint32_t>(__builtin_ctz(mask));
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
    for (std::int64_t quad = 0; quad < n_quads; ++quad) {
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
    const auto position = static_cast<std::uint32_t>(scan.first_position + panel * kPanelItems);
    if (scan.bias == nullptr) {
      for (int q = 0; q < kQueries; ++q) {
        const __m512i limit = _mm512_set1_epi32(scan.limits[q]);
        const unsigned mask = static_cast<unsigned>(_mm512_cmpge_epi32_mask(low[q], limit)) |
                              static_cast<unsigned>(_mm512_cmpge_epi32_mask(high[q], limit)) << 16;
        if (__builtin_expect(static_cast<long>(mask != 0), 0) != 0) append(mask, position, scan.ends[q]);
      }
      continue;
    }
    const __m512 bias_low = _mm512_loadu_ps(scan.bias + panel * kPanelItems);
    const __m512 bias_high = _mm512_loadu_ps(scan.bias + panel * kPanelItems + kPanelItems);
    for (int q = 0; q < kQueries; ++q) {
      const __m512 step = _mm512_set1_ps(scan.steps[q]);
      const __m512 limit = _mm512_set1_ps(scan.float_limits[q]);
      const __m512 score_low = _mm512_fmadd_ps(_mm512_cvtepi32_ps(low[q]), step, bias_low);
      const __m512 score_high = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[q]), step, bias_high);
      // "Not less": a candidate, too, where a limit or a bias is not a number.
      const unsigned mask = static_cast<unsigned>(_mm512_cmp_ps_mask(score_low, limit, _CMP_NLT_UQ)) |
                            static_cast<unsigned>(_mm512_cmp_ps_mask(score_high, limit, _CMP_NLT_UQ)) << 16;
      if (__builtin_expect(static_cast<long>(mask != 0), 0) != 0) append(mask, position, scan.ends[q]);
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

bool set_int8_limits_avx512(const Int8Limits& limits) {
  constexpr float kAllPass = -0x1p30F;  // beyond any sum of kInt8MaxDim products, with or without a correction
  const float inverse_scale = 1.0F / limits.scale;
  // What float32 rounds off: here a few steps of 2^-24 of each operand; in the comparison with a bias also of the
  // largest sum.
  constexpr float kRounding = 1e-6F;
  const float largest_sum = 255.0F * 127.0F * static_cast<float>(limits.dim);
  const float bias_rounding = limits.has_bias ? static_cast<float>(limits.dim + 2) * 0x1p-23F * limits.max_size : 0.0F;
  int useful = 0;
  for (int q = 0; q < limits.n_queries; ++q) {
    const float threshold = limits.thresholds[q];
    const float step = limits.steps[q] * limits.scale;
    // Cauchy-Schwarz: q.x - q'.x' = q.(x - x') + (q - q').x'. The last term is for products that underflow.
    float error = limits.norms[q] * limits.max_error + limits.errors[q] * limits.max_norm + bias_rounding + 1e-29F;
    const float size = limits.norms[q] * limits.max_size;
    error = size < 1e37F ? error : __builtin_inff();
    const float magnitude = __builtin_fabsf(threshold) + error;
    float limit = (threshold - error - kRounding * magnitude) * limits.inverse_steps[q] * inverse_scale - 1.0F;
    limit = limit > kAllPass ? limit : kAllPass;  // NaN too: 0 / 0 where nothing but the threshold is left
    limit = limit < -kAllPass ? limit : -kAllPass;
    limits.limits[q] = static_cast<std::int32_t>(limit) - 1 + static_cast<std::int32_t>(limits.corrections[q]);
    limits.block_steps[q] = step;
    limits.float_limits[q] =
        threshold - error + step * limits.corrections[q] - kRounding * (magnitude + step * largest_sum);
    const float most = (size + (limits.has_bias ? limits.max_size : 0.0F)) * (1 + 1e-5F) + 1e-29F;
    useful |= static_cast<int>(!(most < threshold));
  }
  return useful != 0;
}

const Int8Kernels& avx512_vnni_int8_kernels() {
  static constexpr Int8Kernels kKernels{
      "avx512_vnni",          kTileQueries, queries_for,       packed_bytes, pack_queries,
      set_int8_limits_avx512, scan_block,   score_rows_avx512, nothing,      nothing};
  return kKernels;
}

}  // namespace segue::kernels::cpu
