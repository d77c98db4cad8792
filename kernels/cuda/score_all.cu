// All scores, the plain form: a block of 16 x 16 threads owns 64 queries by 64 items, and a thread 4 by 4 of them, 16
// apart. Slices of 16 dimensions of both sides pass through shared memory. A thread sums its pairs over rising
// dimensions, which is the definition; nothing is split over dimensions.

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/implementations.h"

namespace segue::kernels::cuda {
namespace {

constexpr int kSide = 16;  // threads along each side of a block
constexpr int kPerThread = 4;
constexpr int kTile = kSide * kPerThread;
constexpr int kSlice = 16;  // dimensions in shared memory at a time
constexpr unsigned kMaxGridY = 65535;

/// What a slice holds and a sum is made of: float32, or levels and their exact sum.
template <DType kDType>
using Operand = std::conditional_t<kDType == DType::kInt8, int, float>;

__device__ float multiply_add(float a, float b, float sum) { return __fmaf_rn(a, b, sum); }
__device__ int multiply_add(int a, int b, int sum) { return a * b + sum; }

template <DType kDType>
__device__ Operand<kDType> element_of(const DeviceVectors& items, std::int64_t item, std::int64_t i) {
  const auto stored = reinterpret_cast<const typename Element<kDType>::Stored*>(items.row(item))[i];
  if constexpr (kDType == DType::kInt8) {
    return stored;
  } else {
    return Element<kDType>::widen(stored);
  }
}

/// The scales of a tile of queries, made by the whole block; ends on a barrier.
__device__ void make_scales(MatrixView<const float> queries, std::int64_t first_query, float* scales) {
  const int thread = static_cast<int>(threadIdx.y) * kSide + static_cast<int>(threadIdx.x);
  __syncthreads();
  if (thread < kTile && first_query + thread < queries.n_rows) {
    const float* query = queries.row(first_query + thread);
    unsigned largest = 0;
    for (std::int64_t i = 0; i < queries.n_cols; ++i) largest = max(largest, __float_as_uint(fabsf(query[i])));
    scales[thread] = int8_scale(__uint_as_float(largest));
  }
  __syncthreads();
}

template <DType kDType>
__global__ void __launch_bounds__(kSide* kSide) score_all_kernel(MatrixView<const float> queries, DeviceVectors items,
                                                                 const float* bias, MatrixView<float> scores) {
  using Sum = Operand<kDType>;
  constexpr bool kIsInt8 = kDType == DType::kInt8;
  __shared__ Sum query_slice[kSlice][kTile + 1];
  __shared__ Sum item_slice[kSlice][kTile + 1];
  __shared__ float query_scales[kTile];
  const int x = static_cast<int>(threadIdx.x);
  const int y = static_cast<int>(threadIdx.y);
  const std::int64_t first_item = static_cast<std::int64_t>(blockIdx.x) * kTile;
  const std::int64_t dim = queries.n_cols;

  for (std::int64_t first_query = static_cast<std::int64_t>(blockIdx.y) * kTile; first_query < queries.n_rows;
       first_query += static_cast<std::int64_t>(gridDim.y) * kTile) {
    if constexpr (kIsInt8) make_scales(queries, first_query, query_scales);
    const auto query_element = [&](std::int64_t query, int r, std::int64_t i) -> Sum {
      if constexpr (kIsInt8) {
        return int8_level(queries.row(query)[i], query_scales[r]);
      } else {
        return queries.row(query)[i];
      }
    };
    float biases[kPerThread];
    Sum sums[kPerThread][kPerThread];
    for (int j = 0; j < kPerThread; ++j) {
      const std::int64_t item = first_item + j * kSide + x;
      biases[j] = bias != nullptr && item < items.n_rows ? bias[item] : 0.0F;
      for (int i = 0; i < kPerThread; ++i) sums[i][j] = kIsInt8 ? Sum{0} : static_cast<Sum>(biases[j]);
    }
    for (std::int64_t first_dim = 0; first_dim < dim; first_dim += kSlice) {
      const std::int64_t load_dim = first_dim + x;
      for (int r = y; r < kTile; r += kSide) {
        const std::int64_t query = first_query + r;
        const std::int64_t item = first_item + r;
        query_slice[x][r] = query < queries.n_rows && load_dim < dim ? query_element(query, r, load_dim) : Sum{0};
        item_slice[x][r] = item < items.n_rows && load_dim < dim ? element_of<kDType>(items, item, load_dim) : Sum{0};
      }
      __syncthreads();
      const int n_dims = static_cast<int>(dim - first_dim < kSlice ? dim - first_dim : kSlice);
      for (int d = 0; d < n_dims; ++d) {
        Sum query[kPerThread];
        Sum item[kPerThread];
        for (int i = 0; i < kPerThread; ++i) query[i] = query_slice[d][i * kSide + y];
        for (int j = 0; j < kPerThread; ++j) item[j] = item_slice[d][j * kSide + x];
        for (int i = 0; i < kPerThread; ++i) {
          for (int j = 0; j < kPerThread; ++j) sums[i][j] = multiply_add(query[i], item[j], sums[i][j]);
        }
      }
      __syncthreads();
    }
    for (int i = 0; i < kPerThread; ++i) {
      const std::int64_t query = first_query + i * kSide + y;
      if (query >= queries.n_rows) continue;
      for (int j = 0; j < kPerThread; ++j) {
        const std::int64_t item = first_item + j * kSide + x;
        if (item >= items.n_rows) continue;
        if constexpr (kIsInt8) {
          const float scale = __fmul_rn(query_scales[i * kSide + y], items.scales[item]);
          scores.row(query)[item] = __fmaf_rn(static_cast<float>(sums[i][j]), scale, biases[j]);
        } else {
          scores.row(query)[item] = sums[i][j];
        }
      }
    }
  }
}

}  // namespace

void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores,
               const Device& device) {
  const DeviceGuard guard(device);
  const DeviceVectors vectors(items.vectors);
  const auto n_item_tiles = static_cast<unsigned>((vectors.n_rows + kTile - 1) / kTile);
  const std::int64_t n_query_tiles = (queries.n_rows + kTile - 1) / kTile;
  const dim3 grid(n_item_tiles, static_cast<unsigned>(n_query_tiles < kMaxGridY ? n_query_tiles : kMaxGridY));
  for_dtype(items.vectors.dtype, [&](auto dtype) {
    score_all_kernel<decltype(dtype)::value><<<grid, dim3(kSide, kSide), 0, static_cast<cudaStream_t>(device.stream)>>>(
        queries, vectors, items.bias, scores);
  });
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
