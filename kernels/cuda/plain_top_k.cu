// Top-k, the plain form: one block a query.
//
// The block goes over the items once, kThreads at a time, a thread an item. A key that beats the k-th best so far goes
// to a buffer in shared memory; a full buffer is sorted and cut back to its best. On shuffled scores few pass and sorts
// are rare; the worst case, scores that rise along the rows, sorts once in four reads.
//
// The buffer keeps kPassKeys; a longer list is made in passes, each taking the best keys below the last one of the pass
// before, with no workspace and no limit on k. Nothing is allocated and nothing waits for the host.
//
// It serves what the fused form (fused_top_k.cu) does not: small and odd shapes, long lists, and single queries whose
// candidates were too many or too few.

#include <cub/block/block_radix_sort.cuh>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/plain_top_k.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/implementations.h"
#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kKeysPerThread = 8;
constexpr int kBufferKeys = kThreads * kKeysPerThread;
constexpr int kPassKeys = 1024;
static_assert(kPassKeys + kThreads <= kBufferKeys, "the best keys and one read must fit together");

using BlockSort = cub::BlockRadixSort<SortableKey, kThreads, kKeysPerThread>;

struct SharedMemory {
  union {
    typename BlockSort::TempStorage sort;  // while the keys are in registers
    SortableKey buffer[kBufferKeys];       // the best n_kept keys, then candidates in any order, then empty keys
  };
  int n_used;
};

/// Sorts the buffer, keeps its best `n_kept` keys and empties the rest. After a barrier; ends on one.
__device__ void keep_best(SharedMemory& shared, int n_kept) {
  SortableKey keys[kKeysPerThread];
  for (int i = 0; i < kKeysPerThread; ++i) keys[i] = shared.buffer[i * kThreads + static_cast<int>(threadIdx.x)];
  __syncthreads();
  BlockSort(shared.sort).SortDescendingBlockedToStriped(keys);
  __syncthreads();
  for (int i = 0; i < kKeysPerThread; ++i) {
    const int rank = i * kThreads + static_cast<int>(threadIdx.x);
    shared.buffer[rank] = rank < n_kept ? keys[i] : kEmptyKey;
  }
  if (threadIdx.x == 0) shared.n_used = n_kept;
  __syncthreads();
}

/// Scores by the definition, from vectors.
template <DType kDType>
struct VectorScores {
  MatrixView<const float> queries;
  DeviceVectors vectors;
  const float* bias;
  const std::uint32_t* allowed;
  ItemLists excluded;
  bool aligned;

  __device__ std::int64_t n_columns() const { return vectors.n_rows; }
  __device__ std::int64_t row_at(std::int64_t, std::int64_t column) const { return column; }

  /// The query in the form that operator() reads, its levels in `levels`, [dim] in shared memory. For all threads of
  /// the block; ends on a barrier.
  __device__ ScoredQuery query(std::int64_t q, std::int8_t* levels, unsigned* largest) const {
    const float* values = queries.row(q);
    if constexpr (kDType == DType::kInt8) {
      if (threadIdx.x == 0) *largest = 0;
      __syncthreads();
      for (std::int64_t i = threadIdx.x; i < queries.n_cols; i += kThreads)
        atomicMax(largest, __float_as_uint(fabsf(values[i])));  // a NaN's bits are above those of infinity
      __syncthreads();
      const float scale = int8_scale(__uint_as_float(*largest));
      for (std::int64_t i = threadIdx.x; i < queries.n_cols; i += kThreads)
        levels[i] = static_cast<std::int8_t>(int8_level(values[i], scale));
      __syncthreads();
      return {nullptr, levels, scale, true};
    } else {
      return {values, nullptr, 0.0F, reinterpret_cast<std::uintptr_t>(values) % 16 == 0};
    }
  }
  __device__ float operator()(const ScoredQuery& query, std::int64_t, std::int64_t item) const {
    if (!is_allowed(allowed, item)) return kMaskedScore;
    return defined_score<kDType>(query, vectors, item, bias == nullptr ? 0.0F : bias[item], aligned);
  }
  __device__ bool is_excluded(std::int64_t query, std::int64_t item) const {
    return cuda::is_excluded(excluded, query, item);
  }
};

/// The same of the items in the lists that a query looks into. Columns are places of its lists, one list after another,
/// each as long as the longest.
template <DType kDType>
struct ListScores : VectorScores<kDType> {
  MatrixView<const std::int32_t> probes;
  IvfItems ivf;

  __device__ std::int64_t n_columns() const { return probes.n_cols * ivf.longest_list; }
  __device__ std::int64_t row_at(std::int64_t query, std::int64_t column) const {
    const std::int32_t list = probes.row(query)[column / ivf.longest_list];
    if (list == kNoItemRow) return kNoItemRow;
    const std::int64_t at = ivf.lists.firsts[ivf.first_blocks[list]] + column % ivf.longest_list;
    return at < ivf.lists.firsts[ivf.first_blocks[list + 1]] ? ivf.lists.rows[at] : kNoItemRow;
  }
};

/// Scores that are there already.
struct GivenScores {
  MatrixView<const float> scores;

  __device__ std::int64_t n_columns() const { return scores.n_cols; }
  __device__ std::int64_t row_at(std::int64_t, std::int64_t column) const { return column; }
  __device__ ScoredQuery query(std::int64_t, std::int8_t*, unsigned*) const { return {}; }
  __device__ float operator()(const ScoredQuery&, std::int64_t row, std::int64_t column) const {
    return scores.row(row)[column];
  }
  __device__ bool is_excluded(std::int64_t, std::int64_t) const { return false; }
};

/// @param wanted  [n_queries]: 0 for a query whose list is there already; nullptr: all are wanted
template <class Scores>
__global__ void __launch_bounds__(kThreads)
    plain_top_k_kernel(Scores scores, const std::int32_t* wanted, std::int64_t k, MatrixView<float> best,
                       MatrixView<std::int32_t> rows) {
  __shared__ SharedMemory shared;
  __shared__ unsigned largest;
  extern __shared__ __align__(16) std::int8_t levels[];
  const std::int64_t query = blockIdx.x;
  if (wanted != nullptr && wanted[query] == 0) return;
  const std::int64_t n_columns = scores.n_columns();
  const ScoredQuery scored = scores.query(query, levels, &largest);
  SortableKey limit = ~SortableKey{0};  // keys of this pass lie below it

  for (std::int64_t first_slot = 0; first_slot < k; first_slot += kPassKeys) {
    const int n_kept = static_cast<int>(k - first_slot < kPassKeys ? k - first_slot : kPassKeys);
    for (int i = static_cast<int>(threadIdx.x); i < kBufferKeys; i += kThreads) shared.buffer[i] = kEmptyKey;
    if (threadIdx.x == 0) shared.n_used = n_kept;
    __syncthreads();

    SortableKey worst_kept = kEmptyKey;
    int n_used = n_kept;  // every thread's own copy of shared.n_used, so that all take the same branch
    // After a pass that found fewer keys than it could keep, `limit` is empty and nothing is left to find.
    for (std::int64_t start = 0; start < n_columns && limit != kEmptyKey; start += kThreads) {
      const std::int64_t column = start + threadIdx.x;
      const std::int64_t row = column < n_columns ? scores.row_at(query, column) : kNoItemRow;
      const SortableKey key =
          row >= 0 ? make_key(scores(scored, query, row), static_cast<std::uint32_t>(row)) : kEmptyKey;
      const bool passes = key > worst_kept && key < limit && !scores.is_excluded(query, row);
      if (passes) shared.buffer[atomicAdd(&shared.n_used, 1)] = key;
      n_used += __syncthreads_count(passes);
      if (n_used + kThreads > kBufferKeys) {
        keep_best(shared, n_kept);
        worst_kept = shared.buffer[n_kept - 1];
        n_used = n_kept;
      }
    }
    keep_best(shared, n_kept);

    for (int i = static_cast<int>(threadIdx.x); i < n_kept; i += kThreads) {
      best.row(query)[first_slot + i] = score_of(shared.buffer[i]);
      rows.row(query)[first_slot + i] = row_of(shared.buffer[i]);
    }
    limit = shared.buffer[n_kept - 1];
    __syncthreads();
  }
}

template <class Scores>
void launch(const Scores& scores, const std::int32_t* wanted, std::int64_t n_queries, std::int64_t k,
            std::size_t level_bytes, MatrixView<float> best, MatrixView<std::int32_t> rows, cudaStream_t stream) {
  plain_top_k_kernel<<<static_cast<unsigned>(n_queries), kThreads, level_bytes, stream>>>(scores, wanted, k, best,
                                                                                          rows);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace

namespace {

template <DType kDType>
VectorScores<kDType> vector_scores(MatrixView<const float> queries, const ItemMatrix& items,
                                   const ItemLists& excluded) {
  const DeviceVectors vectors(items.vectors);
  return {queries, vectors, items.bias, items.allowed, excluded, rows_are_aligned(vectors)};
}

}  // namespace

void plain_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
                 const std::int32_t* wanted, std::int64_t k, MatrixView<float> scores, MatrixView<std::int32_t> rows,
                 cudaStream_t stream) {
  for_dtype(items.vectors.dtype, [&](auto dtype) {
    launch(vector_scores<decltype(dtype)::value>(queries, items, excluded), wanted, queries.n_rows, k,
           items.vectors.dtype == DType::kInt8 ? static_cast<std::size_t>(queries.n_cols) : 0, scores, rows, stream);
  });
}

void plain_ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf,
                     MatrixView<const std::int32_t> probes, const ItemLists& excluded, const std::int32_t* wanted,
                     std::int64_t k, MatrixView<float> scores, MatrixView<std::int32_t> rows, cudaStream_t stream) {
  for_dtype(items.vectors.dtype, [&](auto dtype) {
    if constexpr (constexpr DType kDType = decltype(dtype)::value; kDType != DType::kInt8) {
      launch(ListScores<kDType>{vector_scores<kDType>(queries, items, excluded), probes, ivf}, wanted, queries.n_rows,
             k, 0, scores, rows, stream);
    }
  });
}

void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns, const Device& device) {
  const DeviceGuard guard(device);
  launch(GivenScores{scores}, nullptr, scores.n_rows, k, 0, best, columns, static_cast<cudaStream_t>(device.stream));
}

}  // namespace segue::kernels::cuda
