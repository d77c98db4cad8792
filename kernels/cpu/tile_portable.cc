// Any processor: fma from the C library, which is exact everywhere, and slow where the processor has none.

#include <cmath>

#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

int queries_for(std::int64_t) { return 1; }

void pack_panel(const float* items, std::int64_t n_items, std::int64_t dim, float* panel) {
  for (std::int64_t i = 0; i < dim; ++i) {
    for (std::int64_t lane = 0; lane < kPanelItems; ++lane) {
      panel[i * kPanelItems + lane] = lane < n_items ? items[lane * dim + i] : 0.0F;
    }
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

int positions_above(const float* scores, int n, float threshold, std::int32_t* positions) {
  int n_found = 0;
  for (int i = 0; i < n; ++i) {
    if (scores[i] > threshold) positions[n_found++] = i;
  }
  return n_found;
}

}  // namespace

const TileKernels& portable_tile_kernels() {
  static constexpr TileKernels kKernels{"portable", 1, queries_for, pack_panel, score_tile, positions_above};
  return kKernels;
}

}  // namespace segue::kernels::cpu
