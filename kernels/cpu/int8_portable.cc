// Plain C++: a tile is one query by 32 items.

#include <cmath>
#include <cstring>

#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/int8_limits.inl"

namespace segue::kernels::cpu {
namespace {

constexpr int kPairItems = 32;
constexpr int kPanel = 16;

int queries_for(std::int64_t /*n_left*/) { return 1; }

std::int64_t packed_bytes(int n_queries, std::int64_t dim) { return n_queries * dim; }

void pack_queries(const std::int8_t* const* queries, int /*n*/, int /*n_queries*/, std::int64_t dim, std::int8_t* out) {
  std::memcpy(out, queries[0], static_cast<std::size_t>(dim));
}

void scan_block(const Int8Scan& scan) {
  const std::int64_t panel_bytes = scan.dim * kPanel;
  for (std::int64_t panel = 0; panel < scan.n_panels; panel += 2) {
    std::int32_t sums[kPairItems] = {};
    for (int half = 0; half < 2; ++half) {
      const std::uint8_t* items = scan.panels + (panel + half) * panel_bytes;
      for (std::int64_t i = 0; i < scan.dim; i += 4) {
        for (int lane = 0; lane < kPanel; ++lane) {
          const std::uint8_t* four = items + i * kPanel + lane * 4;
          std::int32_t sum = 0;
          for (int j = 0; j < 4; ++j) sum += four[j] * scan.queries[i + j];
          sums[half * kPanel + lane] += sum;
        }
      }
    }
    for (int lane = 0; lane < kPairItems; ++lane) {
      const std::int64_t place = panel * kPanel + lane;
      const float bias = scan.bias == nullptr ? 0.0F : scan.bias[place];
      const float score = std::fma(static_cast<float>(sums[lane]), scan.steps[0], bias);
      // "Not less": a candidate, too, where a limit or a bias is not a number.
      const bool passes = scan.bias == nullptr ? sums[lane] >= scan.limits[0] : !(score < scan.float_limits[0]);
      if (!passes) continue;
      const std::int32_t at = scan.counts[0]++;
      scan.places[at] = static_cast<std::uint32_t>(place);
      scan.scores[at] = score + scan.offsets[0];
    }
  }
}

float widen(float value) { return value; }
float widen(BFloat16 value) { return to_float32(value); }
float widen(Float16 value) { return to_float32(value); }

template <class T>
void score_typed_rows(const float* query, const ItemVectors& vectors, const float* bias, const std::int32_t* rows,
                      int n, float* out) {
  const std::int64_t stride = vectors.row_stride == 0 ? vectors.n_cols : vectors.row_stride;
  for (int i = 0; i < n; ++i) {
    const T* item = static_cast<const T*>(vectors.data) + rows[i] * stride;
    float score = bias == nullptr ? 0.0F : bias[rows[i]];
    for (std::int64_t j = 0; j < vectors.n_cols; ++j) score = std::fma(query[j], widen(item[j]), score);
    out[i] = score;
  }
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

const Int8Kernels& portable_int8_kernels() {
  static constexpr Int8Kernels kKernels{"portable", 1,          queries_for, packed_bytes, pack_queries,
                                        set_limits, scan_block, score_rows,  nothing,      nothing};
  return kKernels;
}

}  // namespace segue::kernels::cpu
