// Nominators: items and queries in the dtype that tensor cores multiply, and how far off a product of two can be.
//
// With q' and x' for the rounded q and x,  q.x - q'.x' = (q - q').x + q'.(x - x'),  at most |q - q'| |x| + |q'| |x -
// x'|. The tensor cores' sum may be taken in any order, with truncation: hardware aligns the products of a step and
// keeps 23 bits at least, so that each of the dim + dim / 8 terms loses at most 2^-23 of the largest partial sum; the
// definition itself rounds dim times at 2^-24. kUnit (2 dim + 64) covers both twice over.

#include <cuda_fp16.h>

#include <cfloat>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/nominators.cuh"
#include "kernels/cuda/score.cuh"

namespace segue::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr double kUnit = 0x1p-21;
constexpr float kTiny = 0x1p-100F;     // above what flushed subnormals can take away from a sum
constexpr float kFlushed = 0x1p-110F;  // and from the norm of a row
constexpr float kWide = 1.0001F;       ///< room for the rounding of the bounds themselves
constexpr float kMaxBias = 0x1p120F;

__device__ double sum_over_warp(double value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xFFFF'FFFFU, value, distance);
  return value;
}

__device__ float max_over_warp(float value) {
  for (int distance = 16; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xFFFF'FFFFU, value, distance));
  return value;
}

/// Writes element i of a nominator row and returns what it stands for.
__device__ float encode(float value, float scale, DType nominators, char* row, std::int64_t i) {
  switch (nominators) {
    case DType::kFloat32:
      if (row != nullptr) reinterpret_cast<float*>(row)[i] = value;
      return __uint_as_float(__float_as_uint(value) & 0xFFFF'E000U);  // hardware may also round, which is nearer
    case DType::kBFloat16: {
      // To nearest, ties to even; infinity and NaN are of no interest, since such rows have no bound.
      const std::uint32_t bits = __float_as_uint(value);
      const std::uint32_t upper = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
      if (row != nullptr) reinterpret_cast<std::uint16_t*>(row)[i] = static_cast<std::uint16_t>(upper);
      return __uint_as_float(upper << 16);
    }
    case DType::kFloat16: {
      const __half half = __float2half_rn(value);
      if (row != nullptr) reinterpret_cast<std::uint16_t*>(row)[i] = __half_as_ushort(half);
      return __half2float(half);
    }
    case DType::kInt8: {
      const int level = int8_level(value, scale);
      if (row != nullptr) reinterpret_cast<std::int8_t*>(row)[i] = static_cast<std::int8_t>(level);
      return __fmul_rn(static_cast<float>(level), scale);
    }
  }
  return 0;
}

/// sqrt(sum of squares), rounded up; +inf unless it is below kNoBound.
__device__ float norm_of(double sum_of_squares) {
  const float norm = __double2float_ru(sqrt(sum_of_squares) * (1 + 0x1p-40));
  return norm < kNoBound ? norm : __int_as_float(0x7F80'0000);
}

struct EncodedRow {
  float norm, nominator_norm, error, scale;
};

/// One warp encodes a row. @param value  value(i) is element i
template <class Value>
__device__ EncodedRow encode_row(const Value& value, std::int64_t dim, DType nominators, std::int64_t row_bytes,
                                 char* row) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  EncodedRow made{};
  if (nominators == DType::kInt8) {
    float largest = 0;
    bool finite = true;
    for (std::int64_t i = lane; i < dim; i += 32) {
      const float size = fabsf(value(i));
      finite = finite && size <= FLT_MAX;
      largest = fmaxf(largest, size);
    }
    largest = max_over_warp(largest);
    made.scale = __all_sync(0xFFFF'FFFFU, finite) ? int8_scale(largest) : __int_as_float(0x7FC0'0000);
  }
  double sum = 0, sum_nominator = 0, sum_error = 0;
  for (std::int64_t i = lane; i < dim; i += 32) {
    const float exact = value(i);
    const float rounded = encode(exact, made.scale, nominators, row, i);
    const double error = static_cast<double>(exact) - rounded;
    sum += static_cast<double>(exact) * exact;
    sum_nominator += static_cast<double>(rounded) * rounded;
    sum_error += error * error;
  }
  if (row != nullptr) {
    for (std::int64_t at = dim * bytes_of(nominators) + lane; at < row_bytes; at += 32) row[at] = 0;
  }
  made.norm = norm_of(sum_over_warp(sum));
  made.nominator_norm = norm_of(sum_over_warp(sum_nominator));
  made.error = norm_of(sum_over_warp(sum_error));
  return made;
}

/// Reduces 128 values of items by one warp.
template <class Reduce>
__device__ float over_tile(const float* values, const Reduce& reduce) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float value = values[lane];
  for (int i = lane + 32; i < kCudaTileItems; i += 32) value = reduce(value, values[i]);
  for (int distance = 16; distance > 0; distance /= 2)
    value = reduce(value, __shfl_xor_sync(0xFFFF'FFFFU, value, distance));
  return value;
}

struct ItemNominators {
  DType nominators;
  std::int64_t row_bytes;
  char* rows;     // nullptr: the items themselves serve
  float* scales;  // nullptr: the items' own, or none
  CudaTile* tiles;
};

/// A block a tile: 8 warps, 16 items each.
template <DType kDType>
__global__ void __launch_bounds__(kThreads)
    nominate_items_kernel(DeviceVectors items, const float* bias, ItemNominators made, float unit) {
  __shared__ float norms[kCudaTileItems], errors[kCudaTileItems], scales[kCudaTileItems];
  __shared__ float biases[kCudaTileItems], bias_sizes[kCudaTileItems];
  const float infinity = __int_as_float(0x7F80'0000);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kCudaTileItems;
  for (int r = static_cast<int>(threadIdx.x) / 32; r < kCudaTileItems; r += kWarps) {
    const std::int64_t item = first + r;
    EncodedRow row{};
    if (item < items.n_rows) {
      const auto* elements = reinterpret_cast<const typename Element<kDType>::Stored*>(items.row(item));
      char* to = made.rows == nullptr ? nullptr : made.rows + item * made.row_bytes;
      if constexpr (kDType == DType::kInt8) {
        for (std::int64_t i = threadIdx.x % 32; to != nullptr && i < made.row_bytes; i += 32)
          to[i] = i < items.dim ? elements[i] : std::int8_t{0};
        row.scale = items.scales[item];
        // Levels are exact. A scale that is no plain number has no bound.
        row.norm = row.scale >= 0 && row.scale < kNoBound ? 0.0F : infinity;
      } else {
        row = encode_row([&](std::int64_t i) { return Element<kDType>::widen(elements[i]); }, items.dim,
                         made.nominators, made.row_bytes, to);
      }
    }
    if (threadIdx.x % 32 == 0) {
      norms[r] = row.norm;
      errors[r] = row.norm < infinity ? row.error : 0.0F;
      scales[r] = row.norm < infinity && item < items.n_rows ? row.scale : __int_as_float(0x7FC0'0000);
      if (made.scales != nullptr && item < items.n_rows) made.scales[item] = row.norm < infinity ? row.scale : 0.0F;
      const float of_item = bias != nullptr && item < items.n_rows ? bias[item] : 0.0F;
      biases[r] = item < items.n_rows ? of_item : -infinity;
      bias_sizes[r] = fabsf(of_item);
    }
  }
  __syncthreads();
  if (threadIdx.x >= 32) return;
  const auto larger = [](float a, float b) { return fmaxf(a, b); };  // of a NaN and a number, the number
  const auto smaller = [](float a, float b) { return fminf(a, b); };
  const float max_bias = over_tile(biases, larger);
  const float bias_size = over_tile(bias_sizes, larger);
  CudaTile tile{};
  tile.max_norm = over_tile(norms, larger);
  tile.max_error = __fadd_ru(over_tile(errors, larger), kFlushed);
  tile.slack = bias_size < kMaxBias ? __fadd_ru(__fmul_ru(bias_size, unit), kTiny) : infinity;
  tile.max_bias = max_bias;
  tile.min_scale = over_tile(scales, smaller);
  tile.max_scale = over_tile(scales, larger);
  if (threadIdx.x == 0) made.tiles[blockIdx.x] = tile;
}

/// A warp a query.
__global__ void __launch_bounds__(kThreads)
    nominate_queries_kernel(MatrixView<const float> queries, std::int64_t n_padded, DType nominators, bool exact,
                            std::int64_t row_bytes, char* rows, QueryBound* bounds, float unit) {
  const std::int64_t q = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (q >= n_padded) return;
  const bool exists = q < queries.n_rows;
  const float* values = exists ? queries.row(q) : nullptr;
  const EncodedRow row = encode_row([&](std::int64_t i) { return values[i]; }, exists ? queries.n_cols : 0, nominators,
                                    row_bytes, rows + q * row_bytes);
  if (threadIdx.x % 32 != 0) return;
  QueryBound bound{__int_as_float(0x7F80'0000), 0.0F, 0.0F, row.scale};
  if (exists && !exact) {
    bound.per_error = __fmul_ru(__fadd_ru(row.nominator_norm, kTiny), kWide);
    bound.per_norm = __fmul_ru(__fadd_ru(__fmaf_ru(row.nominator_norm, unit, row.error), kTiny), kWide);
    if (!(row.norm < kNoBound)) bound.per_norm = __int_as_float(0x7F80'0000);
  }
  bounds[q] = bound;
}

}  // namespace

float rounding_unit(std::int64_t dim) { return static_cast<float>(kUnit * (2.0 * static_cast<double>(dim) + 64)); }

void nominate_queries(MatrixView<const float> queries, std::int64_t n_padded, DType nominators, bool exact,
                      std::int64_t row_bytes, void* rows, QueryBound* bounds, cudaStream_t stream) {
  nominate_queries_kernel<<<static_cast<unsigned>((n_padded + kWarps - 1) / kWarps), kThreads, 0, stream>>>(
      queries, n_padded, nominators, exact, row_bytes, static_cast<char*>(rows), bounds, rounding_unit(queries.n_cols));
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

void nominate_items(const ItemMatrix& items, const CudaItems& made, bool copies, cudaStream_t stream) {
  const DeviceVectors vectors(items.vectors);
  const bool scaled = made.nominators == DType::kInt8 && items.vectors.dtype != DType::kInt8;
  const ItemNominators to{made.nominators, made.row_bytes,
                          copies ? static_cast<char*>(const_cast<void*>(made.rows)) : nullptr,
                          scaled ? const_cast<float*>(made.scales) : nullptr, const_cast<CudaTile*>(made.tiles)};
  const auto n_tiles = static_cast<unsigned>((vectors.n_rows + kCudaTileItems - 1) / kCudaTileItems);
  for_dtype(items.vectors.dtype, [&](auto dtype) {
    nominate_items_kernel<decltype(dtype)::value>
        <<<n_tiles, kThreads, 0, stream>>>(vectors, items.bias, to, rounding_unit(items.vectors.n_cols));
  });
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
