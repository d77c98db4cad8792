// All scores, the plain form: a block of 16 x 16 threads owns 64 queries by 64 items, and a thread 4 by 4 of them, 16
// apart. Slices of 16 dimensions of both sides pass through shared memory. A thread sums its pairs over rising
// dimensions, which is the definition; nothing is split over dimensions.

#include "kernels/cuda/check.cuh"
#include "kernels/implementations.h"

namespace segue::kernels::cuda {
namespace {

constexpr int kSide = 16;  // threads along each side of a block
constexpr int kPerThread = 4;
constexpr int kTile = kSide * kPerThread;
constexpr int kSlice = 16;  // dimensions in shared memory at a time
constexpr unsigned kMaxGridY = 65535;

__global__ void __launch_bounds__(kSide* kSide)
    score_all_kernel(MatrixView<const float> queries, MatrixView<const float> items, const float* bias,
                     MatrixView<float> scores) {
  __shared__ float query_slice[kSlice][kTile + 1];
  __shared__ float item_slice[kSlice][kTile + 1];
  const int x = static_cast<int>(threadIdx.x);
  const int y = static_cast<int>(threadIdx.y);
  const std::int64_t first_item = static_cast<std::int64_t>(blockIdx.x) * kTile;
  const std::int64_t dim = queries.n_cols;

  for (std::int64_t first_query = static_cast<std::int64_t>(blockIdx.y) * kTile; first_query < queries.n_rows;
       first_query += static_cast<std::int64_t>(gridDim.y) * kTile) {
    float sums[kPerThread][kPerThread];
    for (int j = 0; j < kPerThread; ++j) {
      const std::int64_t item = first_item + j * kSide + x;
      const float start = bias != nullptr && item < items.n_rows ? bias[item] : 0.0F;
      for (int i = 0; i < kPerThread; ++i) sums[i][j] = start;
    }
    for (std::int64_t first_dim = 0; first_dim < dim; first_dim += kSlice) {
      const std::int64_t load_dim = first_dim + x;
      for (int r = y; r < kTile; r += kSide) {
        const std::int64_t query = first_query + r;
        const std::int64_t item = first_item + r;
        query_slice[x][r] = query < queries.n_rows && load_dim < dim ? queries.row(query)[load_dim] : 0.0F;
        item_slice[x][r] = item < items.n_rows && load_dim < dim ? items.row(item)[load_dim] : 0.0F;
      }
      __syncthreads();
      const int n_dims = static_cast<int>(dim - first_dim < kSlice ? dim - first_dim : kSlice);
      for (int d = 0; d < n_dims; ++d) {
        float query[kPerThread];
        float item[kPerThread];
        for (int i = 0; i < kPerThread; ++i) query[i] = query_slice[d][i * kSide + y];
        for (int j = 0; j < kPerThread; ++j) item[j] = item_slice[d][j * kSide + x];
        for (int i = 0; i < kPerThread; ++i) {
          for (int j = 0; j < kPerThread; ++j) sums[i][j] = fmaf(query[i], item[j], sums[i][j]);
        }
      }
      __syncthreads();
    }
    for (int i = 0; i < kPerThread; ++i) {
      const std::int64_t query = first_query + i * kSide + y;
      if (query >= queries.n_rows) continue;
      for (int j = 0; j < kPerThread; ++j) {
        const std::int64_t item = first_item + j * kSide + x;
        if (item < items.n_rows) scores.row(query)[item] = sums[i][j];
      }
    }
  }
}

}  // namespace

void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores, void* stream) {
  const MatrixView<const float> vectors = dense_float32(items.vectors);
  const auto n_item_tiles = static_cast<unsigned>((vectors.n_rows + kTile - 1) / kTile);
  const std::int64_t n_query_tiles = (queries.n_rows + kTile - 1) / kTile;
  const dim3 grid(n_item_tiles, static_cast<unsigned>(n_query_tiles < kMaxGridY ? n_query_tiles : kMaxGridY));
  score_all_kernel<<<grid, dim3(kSide, kSide), 0, static_cast<cudaStream_t>(stream)>>>(queries, vectors, items.bias,
                                                                                       scores);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
