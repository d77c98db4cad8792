// Top-k, the plain form: one block a query.
//
// The block goes over the items once, kThreads at a time, a thread an item. A key that beats the k-th best so far goes
// to a buffer in shared memory; a full buffer is sorted and cut back to its best. On shuffled scores few pass and sorts
// are rare; the worst case, scores that rise along the rows, sorts once in four reads.
//
// The buffer keeps kPassKeys; a longer list is made in passes, each taking the best keys below the last one of the pass
// before, with no workspace and no limit on k. Nothing is allocated and nothing waits for the host.

#include <cub/block/block_radix_sort.cuh>

#include "kernels/cuda/check.cuh"
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
  typename BlockSort::TempStorage sort;
  SortableKey buffer[kBufferKeys];  // the best n_kept keys, then candidates in any order, then empty keys
  int n_used;
};

/// Sorts the buffer, keeps its best `n_kept` keys and empties the rest. Starts and ends on a barrier.
__device__ void keep_best(SharedMemory& shared, int n_kept) {
  __syncthreads();
  SortableKey keys[kKeysPerThread];
  for (int i = 0; i < kKeysPerThread; ++i) keys[i] = shared.buffer[i * kThreads + static_cast<int>(threadIdx.x)];
  BlockSort(shared.sort).SortDescendingBlockedToStriped(keys);
  for (int i = 0; i < kKeysPerThread; ++i) {
    const int rank = i * kThreads + static_cast<int>(threadIdx.x);
    shared.buffer[rank] = rank < n_kept ? keys[i] : kEmptyKey;
  }
  if (threadIdx.x == 0) shared.n_used = n_kept;
  __syncthreads();
}

/// Scores by the definition, from vectors.
struct VectorScores {
  MatrixView<const float> queries, vectors;
  const float* bias;
  const std::uint32_t* allowed;
  ItemLists excluded;

  __device__ std::int64_t n_columns() const { return vectors.n_rows; }
  __device__ float operator()(std::int64_t query, std::int64_t item) const {
    if (!is_allowed(allowed, item)) return kMaskedScore;
    const float* query_vector = queries.row(query);
    const float* item_vector = vectors.row(item);
    float score = bias == nullptr ? 0.0F : bias[item];
    for (std::int64_t i = 0; i < queries.n_cols; ++i) score = fmaf(query_vector[i], item_vector[i], score);
    return score;
  }
  __device__ bool is_excluded(std::int64_t query, std::int64_t item) const {
    if (excluded.offsets == nullptr) return false;
    for (std::int64_t i = excluded.offsets[query]; i < excluded.offsets[query + 1]; ++i) {
      if (excluded.items[i] == item) return true;
    }
    return false;
  }
};

/// Scores that are there already.
struct GivenScores {
  MatrixView<const float> scores;

  __device__ std::int64_t n_columns() const { return scores.n_cols; }
  __device__ float operator()(std::int64_t row, std::int64_t column) const { return scores.row(row)[column]; }
  __device__ bool is_excluded(std::int64_t, std::int64_t) const { return false; }
};

template <class Scores>
__global__ void __launch_bounds__(kThreads)
    top_k_kernel(Scores scores, std::int64_t k, MatrixView<float> best, MatrixView<std::int32_t> rows) {
  __shared__ SharedMemory shared;
  const std::int64_t query = blockIdx.x;
  const std::int64_t n_columns = scores.n_columns();
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
      const SortableKey key =
          column < n_columns ? make_key(scores(query, column), static_cast<std::uint32_t>(column)) : kEmptyKey;
      const bool passes = key > worst_kept && key < limit && !scores.is_excluded(query, column);
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
void launch(const Scores& scores, std::int64_t n_queries, std::int64_t k, MatrixView<float> best,
            MatrixView<std::int32_t> rows, void* stream) {
  top_k_kernel<<<static_cast<unsigned>(n_queries), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(scores, k, best,
                                                                                                     rows);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace

void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows, void* stream) {
  launch(VectorScores{queries, dense_float32(items.vectors), items.bias, items.allowed, excluded}, queries.n_rows, k,
         scores, rows, stream);
}

void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns, void* stream) {
  launch(GivenScores{scores}, scores.n_rows, k, best, columns, stream);
}

}  // namespace segue::kernels::cuda
