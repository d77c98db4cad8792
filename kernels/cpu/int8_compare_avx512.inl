#pragma once

// Compiled anew by each AVX-512 file, with internal linkage, so that no copy is shared among them.

#include <immintrin.h>

#include "kernels/cpu/int8_kernels.h"

namespace segue::kernels::cpu {
namespace {

constexpr int kPanel = 16;

/// Adds the lanes of a panel that pass to what query `q` has found.
void append(const Int8Scan& scan, int q, __mmask16 mask, std::int64_t place, __m512 scores) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const std::int64_t at = q * kInt8BlockItems + scan.counts[q];
  _mm512_mask_compressstoreu_epi32(scan.places + at, mask,
                                   _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(place))));
  _mm512_mask_compressstoreu_ps(scan.scores + at, mask, _mm512_add_ps(scores, _mm512_set1_ps(scan.offsets[q])));
  scan.counts[q] += __builtin_popcount(mask);
}

/// Compares the sums of two panels with the limit of query `q`.
void compare(const Int8Scan& scan, int q, std::int64_t place, __m512i low, __m512i high) {
  const __m512i limit = _mm512_set1_epi32(scan.limits[q]);
  const __mmask16 low_mask = _mm512_cmpge_epi32_mask(low, limit);
  const __mmask16 high_mask = _mm512_cmpge_epi32_mask(high, limit);
  if (__builtin_expect(static_cast<long>(_mm512_kortestz(low_mask, high_mask)), 1) != 0) return;
  const __m512 step = _mm512_set1_ps(scan.steps[q]);
  append(scan, q, low_mask, place, _mm512_mul_ps(_mm512_cvtepi32_ps(low), step));
  append(scan, q, high_mask, place + kPanel, _mm512_mul_ps(_mm512_cvtepi32_ps(high), step));
}

/// The same where items have a bias. "Not less": a candidate, too, where a limit or a bias is not a number.
void compare_biased(const Int8Scan& scan, int q, std::int64_t place, __m512i low, __m512i high) {
  const __m512 step = _mm512_set1_ps(scan.steps[q]);
  const __m512 limit = _mm512_set1_ps(scan.float_limits[q]);
  const __m512 low_scores = _mm512_fmadd_ps(_mm512_cvtepi32_ps(low), step, _mm512_loadu_ps(scan.bias + place));
  const __m512 high_scores =
      _mm512_fmadd_ps(_mm512_cvtepi32_ps(high), step, _mm512_loadu_ps(scan.bias + place + kPanel));
  const __mmask16 low_mask = _mm512_cmp_ps_mask(low_scores, limit, _CMP_NLT_UQ);
  const __mmask16 high_mask = _mm512_cmp_ps_mask(high_scores, limit, _CMP_NLT_UQ);
  if (__builtin_expect(static_cast<long>(_mm512_kortestz(low_mask, high_mask)), 1) != 0) return;
  append(scan, q, low_mask, place, low_scores);
  append(scan, q, high_mask, place + kPanel, high_scores);
}

}  // namespace
}  // namespace segue::kernels::cpu
