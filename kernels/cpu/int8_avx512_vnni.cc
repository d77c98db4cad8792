// AVX-512 VNNI: a tile is up to 12 queries by 32 items, 24 accumulators of 16 lanes, compared where they lie.

#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/int8_kernels.h"

namespace segue::kernels::cpu {
namespace {

constexpr int kTileQueries = 12;
constexpr std::int64_t kPanelItems = 16;

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
  for (int c = 0; c < 4; ++c) {
    t[c] = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);
    t[4 + c] = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xDD);
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

const Int8Kernels& avx512_vnni_int8_kernels() {
  static constexpr Int8Kernels kKernels{
      "avx512_vnni",          kTileQueries, queries_for,       packed_bytes, pack_queries,
      set_int8_limits_avx512, scan_block,   score_rows_avx512, nothing,      nothing};
  return kKernels;
}

}  // namespace segue::kernels::cpu
