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

template <int kQueries, bool kFetch>
void scan_tile(const Int8Scan& scan) {
  // A sum waits five cycles for the one before: with few queries, odd and even quads have sums of their own.
  constexpr int kSums = kQueries <= 2 ? 2 : 1;
  const std::int64_t n_quads = scan.dim / 4;
  for (std::int64_t panel = 0; panel < scan.n_panels; panel += 2) {
    const std::uint8_t* first = scan.panels + panel * n_quads * 64;
    const std::uint8_t* second = first + n_quads * 64;
    __m512i low[kSums][kQueries];
    __m512i high[kSums][kQueries];
    for (int sum = 0; sum < kSums; ++sum)
      for (int q = 0; q < kQueries; ++q) low[sum][q] = high[sum][q] = _mm512_setzero_si512();
    const std::uint8_t* next = kFetch ? scan.next + panel * n_quads * 64 : nullptr;
    const auto add = [&](int sum, std::int64_t quad) {
      if (kFetch) {
        _mm_prefetch(next + quad * 128, _MM_HINT_T1);
        _mm_prefetch(next + quad * 128 + 64, _MM_HINT_T1);
      }
      const __m512i items_low = _mm512_loadu_si512(first + quad * 64);
      const __m512i items_high = _mm512_loadu_si512(second + quad * 64);
      const std::int8_t* query = scan.queries + quad * kQueries * 4;
      for (int q = 0; q < kQueries; ++q, query += 4) {
        int four = 0;
        std::memcpy(&four, query, 4);
        const __m512i spread = _mm512_set1_epi32(four);
        low[sum][q] = _mm512_dpbusd_epi32(low[sum][q], items_low, spread);
        high[sum][q] = _mm512_dpbusd_epi32(high[sum][q], items_high, spread);
      }
    };
    std::int64_t quad = 0;
    for (; quad + kSums <= n_quads; quad += kSums)
      for (int sum = 0; sum < kSums; ++sum) add(sum, quad + sum);
    for (; quad < n_quads; ++quad) add(0, quad);
    if (kSums > 1) {
      for (int q = 0; q < kQueries; ++q) {
        low[0][q] = _mm512_add_epi32(low[0][q], low[kSums - 1][q]);
        high[0][q] = _mm512_add_epi32(high[0][q], high[kSums - 1][q]);
      }
    }
    const std::int64_t place = panel * kPanel;
    if (scan.bias == nullptr) {
      for (int q = 0; q < kQueries; ++q) compare(scan, q, place, low[0][q], high[0][q]);
    } else {
      for (int q = 0; q < kQueries; ++q) compare_biased(scan, q, place, low[0][q], high[0][q]);
    }
  }
}

template <int kQueries>
void scan_tile(const Int8Scan& scan) {
  if (kQueries <= kStreaming && scan.next != nullptr)
    scan_tile<kQueries, kQueries <= kStreaming>(scan);
  else
    scan_tile<kQueries, false>(scan);
}

void scan_block(const Int8Scan& scan) {
  switch (scan.n_queries) {
    case 1: scan_tile<1>(scan); break;
    case 2: scan_tile<2>(scan); break;
    case 4: scan_tile<4>(scan); break;
    case 8: scan_tile<8>(scan); break;
    default: scan_tile<kTileQueries>(scan);
  }
  // Callers are compiled for SSE, whose instructions would wait for the upper halves of what is still under way here.
  _mm256_zeroupper();
}

void nothing() {}

}  // namespace

/// 16 queries at a time: with few queries, or blocks that hold nothing of use, this is most of the work. As in
/// int8_limits.inl, which says why. Lanes behind the last query are zeros: whatever lies there may take long to compute
/// with.
bool set_int8_limits_avx512(const Int8Limits& limits) {
  constexpr int kLanes = 16;
  if (limits.n_queries <= kStreaming) return set_limits(limits);  // loads of what was just written lane by lane stall
  const __m512 all_pass = _mm512_set1_ps(-0x1p30F);
  const __m512 rounding = _mm512_set1_ps(1e-6F);
  const __m512 scale = _mm512_set1_ps(limits.scale);
  const __m512 inverse_scale = _mm512_set1_ps(1.0F / limits.scale);
  const float bias_size = limits.has_bias ? limits.max_size : 0.0F;
  const __m512 largest_sum = _mm512_set1_ps(255.0F * 127.0F * static_cast<float>(limits.dim));
  const __m512 least_error = _mm512_set1_ps(static_cast<float>(limits.dim + 2) * 0x1p-23F * bias_size + 1e-29F);
  unsigned useful = 0;
  for (int q = 0; q < limits.n_queries; q += kLanes) {
    const auto real =
        static_cast<__mmask16>((1U << (limits.n_queries - q < kLanes ? limits.n_queries - q : kLanes)) - 1U);
    const __m512 threshold = _mm512_maskz_loadu_ps(real, limits.thresholds + q);
    const __m512 norm = _mm512_maskz_loadu_ps(real, limits.norms + q);
    const __m512 correction = _mm512_maskz_loadu_ps(real, limits.corrections + q);
    const __m512 step = _mm512_mul_ps(_mm512_maskz_loadu_ps(real, limits.steps + q), scale);
    __m512 error = _mm512_fmadd_ps(norm, _mm512_set1_ps(limits.max_error), least_error);
    error = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(real, limits.errors + q), _mm512_set1_ps(limits.max_norm), error);
    const __m512 size = _mm512_mul_ps(norm, _mm512_set1_ps(limits.max_size));
    const __mmask16 is_bounded = _mm512_cmp_ps_mask(size, _mm512_set1_ps(1e37F), _CMP_LT_OQ);
    error = _mm512_mask_blend_ps(is_bounded, _mm512_set1_ps(__builtin_inff()), error);
    const __m512 magnitude = _mm512_add_ps(_mm512_abs_ps(threshold), error);
    const __m512 lowest = _mm512_sub_ps(threshold, error);
    __m512 limit = _mm512_mul_ps(_mm512_fnmadd_ps(rounding, magnitude, lowest),
                                 _mm512_mul_ps(_mm512_maskz_loadu_ps(real, limits.inverse_steps + q), inverse_scale));
    limit = _mm512_sub_ps(limit, _mm512_set1_ps(1.0F));
    limit = _mm512_max_ps(limit, all_pass);  // of a NaN, the second operand
    limit = _mm512_min_ps(limit, _mm512_sub_ps(_mm512_setzero_ps(), all_pass));
    const __m512i whole = _mm512_sub_epi32(_mm512_cvttps_epi32(limit), _mm512_set1_epi32(1));
    _mm512_storeu_si512(limits.limits + q, _mm512_add_epi32(whole, _mm512_cvttps_epi32(correction)));
    const __m512 offset = _mm512_mul_ps(step, correction);
    const __m512 largest = _mm512_mul_ps(step, largest_sum);
    _mm512_storeu_ps(limits.block_steps + q, step);
    _mm512_storeu_ps(limits.offsets + q, _mm512_sub_ps(_mm512_setzero_ps(), offset));
    const __m512 float_limit =
        _mm512_fnmadd_ps(rounding, _mm512_add_ps(magnitude, largest), _mm512_add_ps(lowest, offset));
    _mm512_storeu_ps(limits.float_limits + q, float_limit);
    const __m512 bound =
        _mm512_fmadd_ps(rounding, _mm512_fmadd_ps(_mm512_set1_ps(2.0F), largest, _mm512_set1_ps(bias_size)), error);
    _mm512_storeu_ps(limits.bounds + q, bound);
    const __m512 most = _mm512_fmadd_ps(_mm512_add_ps(size, _mm512_set1_ps(bias_size)), _mm512_set1_ps(1 + 1e-5F),
                                        _mm512_set1_ps(1e-29F));
    useful |= _mm512_cmp_ps_mask(most, threshold, _CMP_NLT_UQ) & real;
  }
  _mm256_zeroupper();  // as in scan_block
  return useful != 0;
}

const Int8Kernels& avx512_vnni_int8_kernels() {
  static constexpr Int8Kernels kKernels{
      "avx512_vnni",          kTileQueries, queries_for,       packed_bytes, pack_queries,
      set_int8_limits_avx512, scan_block,   score_rows_avx512, nothing,      nothing};
  return kKernels;
}

}  // namespace segue::kernels::cpu
