// AVX2: a tile is up to 2 queries by 16 items. Bytes are widened to 16 bits and multiplied in pairs, whose sums cannot
// overflow.

#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/int8_limits.inl"

namespace segue::kernels::cpu {
namespace {

constexpr int kTileQueries = 2;
constexpr int kPanel = 16;
constexpr int kQuarters = 4;  ///< of a panel: 4 items by 4 dimensions

int queries_for(std::int64_t n_left) { return n_left <= 1 ? 1 : kTileQueries; }

std::int64_t packed_bytes(int n_queries, std::int64_t dim) { return n_queries * dim * 2; }

/// [dim / 4, n_queries, 4] in 16 bits
void pack_queries(const std::int8_t* const* queries, int n, int n_queries, std::int64_t dim, std::int8_t* out) {
  for (std::int64_t i = 0; i < dim; ++i) {
    for (int q = 0; q < n; ++q) {
      const std::int16_t level = queries[q][i];  // NOLINT(bugprone-signed-char-misuse): a number, not a character
      std::memcpy(out + ((i / 4 * n_queries + q) * 4 + i % 4) * 2, &level, 2);
    }
  }
}

/// Sums of a panel's 16 items, two lanes of 32 bits to be added for each.
template <int kQueries>
void multiply(const std::uint8_t* items, const std::int8_t* queries, std::int64_t dim,
              __m256i (&sums)[kQueries][kQuarters]) {
  for (auto& of_query : sums)
    for (auto& sum : of_query) sum = _mm256_setzero_si256();
  for (std::int64_t i = 0; i < dim; i += 4) {
    __m256i wide[kQuarters];
    for (int quarter = 0; quarter < kQuarters; ++quarter) {
      wide[quarter] = _mm256_cvtepu8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(items + i * kPanel + quarter * kPanel)));
    }
    for (int q = 0; q < kQueries; ++q, queries += 8) {
      long long four = 0;
      std::memcpy(&four, queries, 8);
      const __m256i spread = _mm256_set1_epi64x(four);
      for (int quarter = 0; quarter < kQuarters; ++quarter)
        sums[q][quarter] = _mm256_add_epi32(sums[q][quarter], _mm256_madd_epi16(wide[quarter], spread));
    }
  }
}

/// Adds those of 16 items that pass to what query `q` has found.
void compare(const Int8Scan& scan, int q, const std::int32_t* sums, std::int64_t place) {
  alignas(32) float scores[kPanel];
  unsigned mask = 0;
  for (int half = 0; half < 2; ++half) {
    const __m256i eight = _mm256_load_si256(reinterpret_cast<const __m256i*>(sums + half * 8));
    const __m256 bias = scan.bias == nullptr ? _mm256_setzero_ps() : _mm256_loadu_ps(scan.bias + place + half * 8);
    const __m256 score = _mm256_fmadd_ps(_mm256_cvtepi32_ps(eight), _mm256_set1_ps(scan.steps[q]), bias);
    _mm256_store_ps(scores + half * 8, score);
    // "Not less": a candidate, too, where a limit or a bias is not a number.
    const __m256 fails = scan.bias == nullptr
                             ? _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(scan.limits[q]), eight))
                             : _mm256_cmp_ps(score, _mm256_set1_ps(scan.float_limits[q]), _CMP_LT_OQ);
    mask |= (~static_cast<unsigned>(_mm256_movemask_ps(fails)) & 0xFFU) << (half * 8);
  }
  for (; mask != 0; mask &= mask - 1) {
    const int lane = __builtin_ctz(mask);
    const std::int64_t at = q * kInt8BlockItems + scan.counts[q]++;
    scan.places[at] = static_cast<std::uint32_t>(place + lane);
    scan.scores[at] = scores[lane] + scan.offsets[q];
  }
}

template <int kQueries>
void scan_tile(const Int8Scan& scan) {
  for (std::int64_t panel = 0; panel < scan.n_panels; ++panel) {
    __m256i sums[kQueries][kQuarters];
    multiply<kQueries>(scan.panels + panel * scan.dim * kPanel, scan.queries, scan.dim, sums);
    for (int q = 0; q < kQueries; ++q) {
      alignas(32) std::int32_t folded[kPanel];
      for (int pair = 0; pair < 2; ++pair) {
        // Items 0 1 | 2 3 and 4 5 | 6 7 fold to 0 1 4 5 | 2 3 6 7: the middle quarters change places.
        const __m256i four = _mm256_hadd_epi32(sums[q][2 * pair], sums[q][2 * pair + 1]);
        _mm256_store_si256(reinterpret_cast<__m256i*>(folded + 8 * pair), _mm256_permute4x64_epi64(four, 0xD8));
      }
      compare(scan, q, folded, panel * kPanel);
    }
  }
}

void scan_block(const Int8Scan& scan) {
  if (scan.n_queries == 1) return scan_tile<1>(scan);
  scan_tile<kTileQueries>(scan);
}

float widen(float value) { return value; }
float widen(BFloat16 value) { return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(value.bits << 16))); }
float widen(Float16 value) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(value.bits))); }

/// The items side by side, so that their sums do not wait for each other.
template <class T>
void score_typed_rows(const float* query, const ItemVectors& vectors, const float* bias, const std::int32_t* rows,
                      int n, float* out) {
  const std::int64_t stride = vectors.row_stride == 0 ? vectors.n_cols : vectors.row_stride;
  const T* items[kPanel];
  float sums[kPanel];
  for (int i = 0; i < kPanel; ++i) {
    const std::int64_t row = rows[i < n ? i : 0];
    items[i] = static_cast<const T*>(vectors.data) + row * stride;
    sums[i] = bias == nullptr ? 0.0F : bias[row];
  }
  for (std::int64_t j = 0; j < vectors.n_cols; ++j) {
    for (int i = 0; i < kPanel; ++i) sums[i] = __builtin_fmaf(query[j], widen(items[i][j]), sums[i]);
  }
  std::memcpy(out, sums, sizeof sums);
}

void score_rows(const float* query, const ItemVectors& vectors, const float* bias, const std::int32_t* rows, int n,
                float* out) {
  switch (vectors.dtype) {
    case DType::kFloat32: return score_typed_rows<float>(query, vectors, bias, rows, n, out);
    case DType::kBFloat16: return score_typed_rows<BFloat16>(query, vectors, bias, rows, n, out);
    case DType::kFloat16: return score_typed_rows<Float16>(query, vectors, bias, rows, n, out);
    case DType::kInt8: return;  // no int8 copy is made of them
  }
}

void nothing() {}

}  // namespace

const Int8Kernels& avx2_int8_kernels() {
  static constexpr Int8Kernels kKernels{"avx2",     kTileQueries, queries_for, packed_bytes, pack_queries,
                                        set_limits, scan_block,   score_rows,  nothing,      nothing};
  return kKernels;
}

}  // namespace segue::kernels::cpu
