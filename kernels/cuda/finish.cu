// From a scan to lists: thresholds out of the sample's maxima, and candidates scored by the definition and sorted.

#include "kernels/cuda/finish.cuh"

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/plain_top_k.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/cuda/warp_scores.cuh"
#include "kernels/cuda/warp_sort.cuh"
#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kHeld = 16;        // maxima that a thread keeps in registers
constexpr int kLineBytes = 128;  // of the cache

/// The bits of a score in an order of integers, -inf among them.
__device__ std::uint32_t ordered(float score) {
  const std::uint32_t bits = __float_as_uint(score);
  return (bits >> 31) != 0 ? ~bits : bits | 0x8000'0000U;
}
__device__ float score_of_ordered(std::uint32_t bits) {
  return __uint_as_float((bits >> 31) != 0 ? bits & 0x7FFF'FFFFU : ~bits);
}

/// A block's values of one query, ordered(): what fits in registers, and the rest where it lies.
class BlockValues {
 public:
  __device__ BlockValues(const float* values, int n) : values_(values), n_(n) {
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
      const int at = i * kThreads + static_cast<int>(threadIdx.x);
      held_[i] = at < n ? ordered(values[at]) : 0;  // below all values
    }
  }
  /// Calls for 0 too.
  template <class Visit>
  __device__ void for_each(const Visit& visit) const {
#pragma unroll
    for (int i = 0; i < kHeld; ++i) visit(held_[i]);
    for (int i = kHeld * kThreads + static_cast<int>(threadIdx.x); i < n_; i += kThreads) visit(ordered(values_[i]));
  }

 private:
  const float* values_;
  const int n_;
  std::uint32_t held_[kHeld];
};

/// A value that `rank` of the block's values reach, or a few more where values are equal: by halving what is between
/// the least and the largest.
__device__ std::uint32_t value_of_rank(const BlockValues& values, std::uint32_t rank) {
  constexpr std::uint32_t kWarp = 0xFFFF'FFFFU;
  __shared__ std::uint32_t parts[2][kWarps], parts_of_least[kWarps];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  std::uint32_t low = 0xFFFF'FFFFU, high = 0;
  values.for_each([&](std::uint32_t value) {
    low = value > 0 && value < low ? value : low;
    high = value > high ? value : high;
  });
  low = __reduce_min_sync(kWarp, low);
  high = __reduce_max_sync(kWarp, high);
  if (lane == 0) {
    parts[0][warp] = high;
    parts_of_least[warp] = low;
  }
  __syncthreads();
  for (int i = 0; i < kWarps; ++i) {
    high = parts[0][i] > high ? parts[0][i] : high;
    low = parts_of_least[i] < low ? parts_of_least[i] : low;
  }
  // At least `rank` values reach low, and fewer reach what is above high.
  for (int turn = 1; low < high; turn ^= 1) {
    const std::uint32_t middle = low + (high - low) / 2 + (high - low) % 2;
    std::uint32_t n_mine = 0;
    values.for_each([&](std::uint32_t value) { n_mine += value >= middle ? 1 : 0; });
    n_mine = __reduce_add_sync(kWarp, n_mine);
    if (lane == 0) parts[turn][warp] = n_mine;
    __syncthreads();
    std::uint32_t n = 0;
    for (int i = 0; i < kWarps; ++i) n += parts[turn][i];
    if (n >= rank) low = middle;
    if (n == rank) break;
    if (n < rank) high = middle - 1;
  }
  return low;
}

/// A block a query.
__global__ void __launch_bounds__(kThreads)
    choose_thresholds_kernel(MatrixView<const float> maxima, ItemLists excluded, std::int64_t k, std::int64_t step,
                             float* thresholds, QueryBound* bounds, std::int32_t* counts) {
  const std::int64_t q = blockIdx.x;
  const std::int64_t n_excluded = excluded.offsets == nullptr ? 0 : excluded.offsets[q + 1] - excluded.offsets[q];
  const std::int64_t rank = sample_rank(k + n_excluded, step);
  float threshold = kMaskedScore;
  if (rank <= maxima.n_cols) {
    const BlockValues values(maxima.row(q), static_cast<int>(maxima.n_cols));
    threshold = score_of_ordered(value_of_rank(values, static_cast<std::uint32_t>(rank)));
    if (!(threshold > kMaskedScore)) threshold = kMaskedScore;  // of a bucket that nothing was put into
  }
  if (threadIdx.x == 0) {
    thresholds[q] = threshold;
    bounds[q].threshold = fabsf(threshold) <= 3.402823466e38F ? threshold - fabsf(threshold) * 0x1p-21F : threshold;
    counts[q] = 0;
  }
}

/// Asks for a line of the cache.
__device__ void fetch_line(const char* address) { asm volatile("prefetch.global.L2 [%0];" ::"l"(address)); }

/// Sorts `n` keys, a power of two, in shared memory, largest first. Starts and ends on a barrier.
__device__ void sort_descending(SortableKey* keys, int n) {
  constexpr int kOfWarp = 32;  // up to this distance a warp's keys change places with each other alone
  __syncthreads();
  for (int size = 2; size <= n; size *= 2) {
    for (int distance = size / 2; distance > 0; distance /= 2) {
      for (int i = static_cast<int>(threadIdx.x); i < n / 2; i += kThreads) {
        const int low = 2 * i - (i & (distance - 1));
        const SortableKey a = keys[low];
        const SortableKey b = keys[low + distance];
        if ((a < b) == ((low & size) == 0)) {
          keys[low] = b;
          keys[low + distance] = a;
        }
      }
      if (distance > kOfWarp || (distance == 1 && size > kOfWarp))
        __syncthreads();
      else
        __syncwarp();
    }
  }
  __syncthreads();
}

/// The best k of `n` keys in shared memory, at most kKeysOfWarp, by one warp.
__device__ void list_by_warp(const SortableKey* keys, int n, int k, float* scores, std::int32_t* rows) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  SortableKey mine[kKeysOfLane];
#pragma unroll
  for (int i = 0; i < kKeysOfLane; ++i) mine[i] = i * 32 + lane < n ? keys[i * 32 + lane] : kEmptyKey;
  sort_warp_descending(mine);
#pragma unroll
  for (int i = 0; i < kKeysOfLane; ++i) {
    const int at = lane * kKeysOfLane + i;
    if (at >= k) continue;
    scores[at] = score_of(mine[i]);
    rows[at] = row_of(mine[i]);
  }
  for (int at = kKeysOfWarp + lane; at < k; at += 32) {
    scores[at] = score_of(kEmptyKey);
    rows[at] = row_of(kEmptyKey);
  }
}

/// The same of any number, by the block; there is room for the next power of two of keys.
__device__ void list_by_block(SortableKey* keys, int n, int k, float* scores, std::int32_t* rows) {
  int n_sorted = 2;
  while (n_sorted < n) n_sorted *= 2;
  for (int i = n + static_cast<int>(threadIdx.x); i < n_sorted; i += kThreads) keys[i] = kEmptyKey;
  sort_descending(keys, n_sorted);
  for (int i = static_cast<int>(threadIdx.x); i < k; i += kThreads) {
    const SortableKey key = i < n_sorted ? keys[i] : kEmptyKey;
    scores[i] = score_of(key);
    rows[i] = row_of(key);
  }
}

template <DType kDType>
__global__ void __launch_bounds__(kThreads)
    finish_kernel(MatrixView<const float> queries, DeviceVectors items, const float* bias, bool aligned,
                  ItemLists excluded, Candidates candidates, std::int64_t k, MatrixView<float> scores,
                  MatrixView<std::int32_t> rows, std::int32_t* unfinished) {
  using Scores = WarpScores<kDType>;
  extern __shared__ __align__(16) SortableKey keys[];
  auto* buffers = reinterpret_cast<typename Scores::Buffer*>(keys + candidates.capacity);
  auto* values = reinterpret_cast<float*>(buffers + kWarps);
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
    query = {nullptr, levels, candidates.bounds[q].scale, true};
  } else {
    for (std::int64_t i = thread; i < queries.n_cols; i += kThreads) values[i] = queries.row(q)[i];
    query = {values, nullptr, 0.0F, true};
  }
  if (thread == 0) n_certain = 0;
  __syncthreads();

  const float threshold = candidates.thresholds == nullptr ? kMaskedScore : candidates.thresholds[q];
  // All rows are on their way before the first is read, 64 bytes of each at a time.
  const auto dim_bytes = static_cast<int>(items.dim * bytes_of(kDType));
  for (int i = thread; i < n; i += kThreads) {
    const char* row = items.row(candidates.items[q * candidates.capacity + i]);
    for (int at = 0; at < dim_bytes; at += kLineBytes) fetch_line(row + at);
  }
  const Scores score_of_item(query, items, bias, aligned, buffers[thread / 32]);
  int n_mine = 0;
  for (int first = thread / 32 * 32; first < n; first += kThreads) {
    const int i = first + thread % 32;
    std::int32_t item = i < n ? candidates.items[q * candidates.capacity + i] : -1;
    if (item >= 0 && is_excluded(excluded, q, item)) item = -1;
    const float score = score_of_item(item);
    const SortableKey key = item < 0 ? kEmptyKey : make_key(score, static_cast<std::uint32_t>(item));
    n_mine += key != kEmptyKey && score >= threshold ? 1 : 0;
    if (i < n) keys[i] = key;
  }
  if (n_mine > 0) atomicAdd(&n_certain, n_mine);
  __syncthreads();
  // At -inf every item is a candidate, however few there are.
  if (n_certain < k && threshold != kMaskedScore) {
    if (thread == 0) unfinished[q] = 1;
    return;
  }
  if (thread == 0) unfinished[q] = 0;
  const auto n_best = static_cast<int>(k);
  if (n > kKeysOfWarp)
    list_by_block(keys, n, n_best, scores.row(q), rows.row(q));
  else if (thread < 32)
    list_by_warp(keys, n, n_best, scores.row(q), rows.row(q));
}

}  // namespace

void choose_thresholds(MatrixView<const float> maxima, const ItemLists& excluded, std::int64_t k, std::int64_t step,
                       float* thresholds, QueryBound* bounds, std::int32_t* counts, cudaStream_t stream) {
  choose_thresholds_kernel<<<static_cast<unsigned>(maxima.n_rows), kThreads, 0, stream>>>(maxima, excluded, k, step,
                                                                                          thresholds, bounds, counts);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

std::size_t finish_shared_bytes(std::int64_t capacity, std::int64_t dim) {
  return static_cast<std::size_t>(capacity) * sizeof(SortableKey) +
         kWarps * sizeof(WarpScores<DType::kFloat32>::Buffer) + static_cast<std::size_t>(dim + 3) / 4 * sizeof(float4);
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
