// From a scan to lists: thresholds out of the sample's maxima, and candidates scored by the definition and sorted.

#include "kernels/cuda/finish.cuh"

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/plain_top_k.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kDigits = 256;  // of a pass of the radix selection

/// The bits of a score in an order of integers, -inf among them.
__device__ std::uint32_t ordered(float score) {
  const std::uint32_t bits = __float_as_uint(score);
  return (bits >> 31) != 0 ? ~bits : bits | 0x8000'0000U;
}
__device__ float score_of_ordered(std::uint32_t bits) {
  return __uint_as_float((bits >> 31) != 0 ? bits & 0x7FFF'FFFFU : ~bits);
}

/// A block a query: radix selection, eight bits a pass, of the `rank`-th largest.
__global__ void __launch_bounds__(kThreads)
    choose_thresholds_kernel(MatrixView<const float> maxima, ItemLists excluded, std::int64_t k, std::int64_t step,
                             float* thresholds, QueryBound* bounds) {
  __shared__ std::int32_t histogram[kDigits];
  __shared__ std::uint32_t prefix;
  __shared__ std::int64_t rank;
  const std::int64_t q = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) {
    const std::int64_t n_excluded = excluded.offsets == nullptr ? 0 : excluded.offsets[q + 1] - excluded.offsets[q];
    rank = sample_rank(k + n_excluded, step);
    prefix = 0;
  }
  __syncthreads();
  float threshold = kMaskedScore;
  if (rank <= maxima.n_cols) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      histogram[thread] = 0;
      __syncthreads();
      const std::uint32_t above = prefix;
      for (std::int64_t i = thread; i < maxima.n_cols; i += kThreads) {
        const std::uint32_t bits = ordered(maxima.row(q)[i]);
        if (shift == 24 || bits >> (shift + 8) == above) atomicAdd(&histogram[bits >> shift & 0xFFU], 1);
      }
      __syncthreads();
      if (thread == 0) {
        int digit = kDigits - 1;
        while (digit > 0 && rank > histogram[digit]) rank -= histogram[digit--];
        prefix = above << 8 | static_cast<std::uint32_t>(digit);
      }
      __syncthreads();
    }
    threshold = score_of_ordered(prefix);
    if (!(threshold > kMaskedScore)) threshold = kMaskedScore;  // of a bucket that nothing was put into
  }
  if (thread == 0) {
    thresholds[q] = threshold;
    bounds[q].threshold = fabsf(threshold) <= 3.402823466e38F ? threshold - fabsf(threshold) * 0x1p-21F : threshold;
  }
}

/// Sorts `n` keys, a power of two, in shared memory, largest first. Starts and ends on a barrier.
__device__ void sort_descending(SortableKey* keys, int n) {
  for (int size = 2; size <= n; size *= 2) {
    for (int distance = size / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (int i = static_cast<int>(threadIdx.x); i < n / 2; i += kThreads) {
        const int low = 2 * i - (i & (distance - 1));
        const SortableKey a = keys[low];
        const SortableKey b = keys[low + distance];
        if ((a < b) == ((low & size) == 0)) {
          keys[low] = b;
          keys[low + distance] = a;
        }
      }
    }
  }
  __syncthreads();
}

template <DType kDType>
__global__ void __launch_bounds__(kThreads)
    finish_kernel(MatrixView<const float> queries, DeviceVectors items, const float* bias, bool aligned,
                  ItemLists excluded, Candidates candidates, std::int64_t k, MatrixView<float> scores,
                  MatrixView<std::int32_t> rows, std::int32_t* unfinished) {
  extern __shared__ SortableKey keys[];
  auto* values = reinterpret_cast<float*>(keys + candidates.capacity);
  auto* levels = reinterpret_cast<std::int8_t*>(values);
  const std::int64_t q = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  __shared__ int n_certain;  // candidates that reach the threshold
  const int n = candidates.counts[q];
  if (n > candidates.capacity) {
    if (thread == 0) unfinished[q] = 1;
    return;
  }
  ScoredQuery query{};
  if constexpr (kDType == DType::kInt8) {
    const auto* stored = static_cast<const std::int8_t*>(candidates.levels) + q * candidates.row_bytes;
    for (std::int64_t i = thread; i < queries.n_cols; i += kThreads) levels[i] = stored[i];
    query = {nullptr, levels, candidates.bounds[q].scale};
  } else {
    for (std::int64_t i = thread; i < queries.n_cols; i += kThreads) values[i] = queries.row(q)[i];
    query = {values, nullptr, 0.0F};
  }
  if (thread == 0) n_certain = 0;
  __syncthreads();

  int n_sorted = 2;
  while (n_sorted < n) n_sorted *= 2;
  const float threshold = candidates.thresholds == nullptr ? kMaskedScore : candidates.thresholds[q];
  int n_mine = 0;
  for (int i = thread; i < n_sorted; i += kThreads) {
    SortableKey key = kEmptyKey;
    if (i < n) {
      const std::int32_t item = candidates.items[q * candidates.capacity + i];
      if (!is_excluded(excluded, q, item)) {
        const float score = defined_score<kDType>(query, items, item, bias == nullptr ? 0.0F : bias[item], aligned);
        key = make_key(score, static_cast<std::uint32_t>(item));
        n_mine += key != kEmptyKey && score >= threshold ? 1 : 0;
      }
    }
    keys[i] = key;
  }
  if (n_mine > 0) atomicAdd(&n_certain, n_mine);
  __syncthreads();
  // At -inf every item is a candidate, however few there are.
  if (n_certain < k && threshold != kMaskedScore) {
    if (thread == 0) unfinished[q] = 1;
    return;
  }
  sort_descending(keys, n_sorted);
  for (std::int64_t i = thread; i < k; i += kThreads) {
    const SortableKey key = i < n_sorted ? keys[i] : kEmptyKey;
    scores.row(q)[i] = score_of(key);
    rows.row(q)[i] = row_of(key);
  }
  if (thread == 0) unfinished[q] = 0;
}

}  // namespace

void choose_thresholds(MatrixView<const float> maxima, const ItemLists& excluded, std::int64_t k, std::int64_t step,
                       float* thresholds, QueryBound* bounds, cudaStream_t stream) {
  choose_thresholds_kernel<<<static_cast<unsigned>(maxima.n_rows), kThreads, 0, stream>>>(maxima, excluded, k, step,
                                                                                          thresholds, bounds);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

std::size_t finish_shared_bytes(std::int64_t capacity, std::int64_t dim) {
  return static_cast<std::size_t>(capacity) * sizeof(SortableKey) + static_cast<std::size_t>(dim) * sizeof(float);
}

void finish(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
            const Candidates& candidates, std::int64_t k, MatrixView<float> scores, MatrixView<std::int32_t> rows,
            std::int32_t* unfinished, cudaStream_t stream) {
  const DeviceVectors vectors(items.vectors);
  const std::size_t shared_bytes = finish_shared_bytes(candidates.capacity, queries.n_cols);
  for_dtype(items.vectors.dtype, [&](auto dtype) {
    const auto kernel = finish_kernel<decltype(dtype)::value>;
    SEGUE_CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                          cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)));
    kernel<<<static_cast<unsigned>(queries.n_rows), kThreads, shared_bytes, stream>>>(
        queries, vectors, items.bias, rows_are_aligned(vectors), excluded, candidates, k, scores, rows, unfinished);
  });
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
