// Any processor: fma from the C library, which is exact everywhere, and slow where the processor has none.

#include <cmath>

#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

int queries_for(std::int64_t) { return 1; }

float widen(float value) { return value; }
float widen(BFloat16 value) { return to_float32(value); }
float widen(Float16 value) { return to_float32(value); }
float widen(std::int8_t value) { return value; }

template <class T>
void pack_rows(const void* rows, std::int64_t stride, std::int64_t n_items, std::int64_t dim, float* panel) {
  const auto* items = static_cast<const T*>(rows);
  for (std::int64_t i = 0; i < dim; ++i) {
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

void score_tile(const float* queries, int n_queries, const float* panels, const float* bias, std::int64_t dim,
                float* out, std::int64_t out_stride) {
  for (int query = 0; query < n_queries; ++query) {
    for (int item = 0; item < kTileItems; ++item) {
      const float* lane = panels + (item / kPanelItems) * dim * kPanelItems + item % kPanelItems;
      float score = bias[item];
      for (std::int64_t i = 0; i < dim; ++i)
        score = std::fma(queries[i * n_queries + query], lane[i * kPanelItems], score);
      out[query * out_stride + item] = score;
    }
  }
}

void scale_sums(float query_scale, const float* item_scales, const float* bias, float* sums) {
  for (int i = 0; i < kTileItems; ++i) sums[i] = std::fma(sums[i], query_scale * item_scales[i], bias[i]);
}

int positions_above(const float* scores, int n, float threshold, std::int32_t* positions) {
  int n_found = 0;
  for (int i = 0; i < n; ++i) {
    if (scores[i] > threshold) positions[n_found++] = i;
  }
  return n_found;
}

}  // namespace

const TileKernels& portable_tile_kernels() {
  static constexpr TileKernels kKernels{"portable",      1,       queries_for, pack_panel, score_tile, scale_sums,
                                        positions_above, nullptr, nullptr};
  return kKernels;
}

}  // namespace segue::kernels::cpu
