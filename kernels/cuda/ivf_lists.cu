// Which lists a query looks into, and which queries look into a list.

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/ivf_lists.cuh"
#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kQueriesAtOnce = 16;
constexpr int kScanThreads = 1024;

/// A thread a query: sums in double over rising dimensions, as the definition has them.
__global__ void __launch_bounds__(kThreads) quantise_kernel(MatrixView<const float> queries, PromiseQueries made) {
  const std::int64_t q = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (q >= queries.n_rows) return;
  const float* query = queries.row(q);
  std::int8_t* levels = made.levels + q * made.row_bytes;
  double sum_of_squares = 0;
  float largest = 0;
  for (std::int64_t i = 0; i < queries.n_cols; ++i) {
    sum_of_squares = __dadd_rn(sum_of_squares, __dmul_rn(query[i], query[i]));
    largest = fmaxf(largest, fabsf(query[i]));
  }
  const float norm = __double2float_rn(__dsqrt_rn(sum_of_squares));
  const bool finite = norm <= 3.402823466e38F;
  if (made.with_norm) largest = fmaxf(largest, norm);
  const float step = finite && largest > 1e-30F ? __fdiv_rn(largest, 127.0F) : 0.0F;
  const double inverse = step > 0 ? __ddiv_rn(1.0, step) : 0.0;
  int sum = 0;
  for (std::int64_t i = 0; i < made.row_bytes; ++i) {
    const float value = i < queries.n_cols ? query[i] : made.with_norm && i == queries.n_cols ? norm : 0.0F;
    const int level = finite ? __double2int_rn(__dmul_rn(value, inverse)) : 0;
    levels[i] = static_cast<std::int8_t>(level);
    sum += level;
  }
  made.steps[q] = finite ? step : __int_as_float(0x7FC0'0000);
  made.corrections[q] = static_cast<float>(128 * sum);
}

/// Four products of an unsigned and a signed byte, added to `sum`.
__device__ int dot_product(std::uint32_t unsigned_bytes, std::uint32_t signed_bytes, int sum) {
  int result = 0;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(unsigned_bytes), "r"(signed_bytes), "r"(sum));
  return result;
}

/// The promise of the list or mean at a position of `items`, by the exact sum of its products with a query.
__device__ float promise_of(const Int8Items& items, std::int64_t at, float block_scale, float query_step,
                            float correction, int sum) {
  const float bias = items.bias == nullptr ? 0.0F : items.bias[at];
  const float step = __fmul_rn(query_step, block_scale);
  return __fsub_rn(__fmaf_rn(static_cast<float>(sum), step, bias), __fmul_rn(step, correction));
}

/// A block of threads a block of lists by kQueriesAtOnce queries; a thread a list.
__global__ void __launch_bounds__(kThreads)
    promise_kernel(Int8Items lists, PromiseQueries queries, MatrixView<float> promises) {
  const std::int64_t block = blockIdx.x;
  const std::int64_t at = lists.firsts[block] + threadIdx.x;
  if (at >= lists.firsts[block + 1]) return;
  const std::int32_t list = lists.rows[at];
  if (list < 0) return;
  const std::int64_t n_groups = (lists.dim + 3) / 4;
  const auto* panel =
      reinterpret_cast<const std::uint32_t*>(lists.panels + at / kInt8PanelItems * lists.panel_bytes()) +
      at % kInt8PanelItems;
  const float scale = lists.blocks[block].scale;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * kQueriesAtOnce;
  for (std::int64_t q = first; q < first + kQueriesAtOnce && q < promises.n_rows; ++q) {
    const auto* levels = reinterpret_cast<const std::uint32_t*>(queries.levels + q * queries.row_bytes);
    int sum = 0;
    for (std::int64_t group = 0; group < n_groups; ++group)
      sum = dot_product(panel[group * kInt8PanelItems], levels[group], sum);
    promises.row(q)[list] = promise_of(lists, at, scale, queries.steps[q], queries.corrections[q], sum);
  }
}

/// A thread a point, all means in turn; those of a panel side by side. Ties go to the lower mean.
__global__ void __launch_bounds__(kThreads)
    nearest_means_kernel(Int8Items means, PromiseQueries points, std::int64_t n_points, std::int32_t* nearest) {
  constexpr int kPanel = static_cast<int>(kInt8PanelItems);
  const std::int64_t point = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (point >= n_points) return;
  const auto* levels = reinterpret_cast<const std::uint32_t*>(points.levels + point * points.row_bytes);
  const std::int64_t n_groups = (means.dim + 3) / 4;
  SortableKey best = kEmptyKey;
  for (std::int64_t block = 0; block < means.n_blocks; ++block) {
    const float scale = means.blocks[block].scale;
    for (std::int64_t first = means.firsts[block]; first < means.firsts[block + 1]; first += kPanel) {
      const auto* panel = reinterpret_cast<const uint4*>(means.panels + first / kPanel * means.panel_bytes());
      int sums[kPanel] = {};
      for (std::int64_t group = 0; group < n_groups; ++group) {
        const std::uint32_t of_point = levels[group];
#pragma unroll
        for (int i = 0; i < kPanel / 4; ++i) {
          const uint4 of_means = panel[group * (kPanel / 4) + i];
          sums[4 * i] = dot_product(of_means.x, of_point, sums[4 * i]);
          sums[4 * i + 1] = dot_product(of_means.y, of_point, sums[4 * i + 1]);
          sums[4 * i + 2] = dot_product(of_means.z, of_point, sums[4 * i + 2]);
          sums[4 * i + 3] = dot_product(of_means.w, of_point, sums[4 * i + 3]);
        }
      }
#pragma unroll
      for (int i = 0; i < kPanel; ++i) {
        const std::int32_t mean = means.rows[first + i];
        if (mean < 0) continue;
        const float promise =
            promise_of(means, first + i, scale, points.steps[point], points.corrections[point], sums[i]);
        const SortableKey key = make_key(promise, static_cast<std::uint32_t>(mean));
        best = key > best ? key : best;
      }
    }
  }
  nearest[point] = max(row_of(best), 0);  // distances beyond float32: any mean will do
}

__global__ void __launch_bounds__(kThreads) count_kernel(MatrixView<const std::int32_t> probes, Visits visits) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < probes.n_rows * probes.n_cols && probes.data[i] != kNoItemRow) atomicAdd(&visits.counts[probes.data[i]], 1);
}

/// One block: running sums over the lists, kScanThreads at a time.
__global__ void __launch_bounds__(kScanThreads) sum_kernel(Visits visits) {
  __shared__ std::int32_t visit_sums[kScanThreads], group_sums[kScanThreads];
  const int thread = static_cast<int>(threadIdx.x);
  std::int32_t n_visits = 0;
  std::int32_t n_groups = 0;
  for (std::int64_t first = 0; first < visits.n_lists; first += kScanThreads) {
    const std::int64_t list = first + thread;
    const std::int32_t count = list < visits.n_lists ? visits.counts[list] : 0;
    const std::int32_t groups = (count + kVisitQueries - 1) / kVisitQueries;
    visit_sums[thread] = count;
    group_sums[thread] = groups;
    for (int distance = 1; distance < kScanThreads; distance *= 2) {
      __syncthreads();
      const bool adds = thread >= distance;
      const std::int32_t visits_before = adds ? visit_sums[thread - distance] : 0;
      const std::int32_t groups_before = adds ? group_sums[thread - distance] : 0;
      __syncthreads();
      visit_sums[thread] += visits_before;
      group_sums[thread] += groups_before;
    }
    __syncthreads();
    if (list < visits.n_lists) {
      visits.begins[list] = n_visits + visit_sums[thread] - count;
      visits.groups[list] = n_groups + group_sums[thread] - groups;
      visits.counts[list] = 0;  // counted anew when the visits are put down
    }
    n_visits += visit_sums[kScanThreads - 1];
    n_groups += group_sums[kScanThreads - 1];
    __syncthreads();
  }
  if (thread == 0) {
    visits.begins[visits.n_lists] = n_visits;
    visits.groups[visits.n_lists] = n_groups;
  }
}

__global__ void __launch_bounds__(kThreads) put_down_kernel(MatrixView<const std::int32_t> probes, Visits visits) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= probes.n_rows * probes.n_cols || probes.data[i] == kNoItemRow) return;
  const std::int32_t list = probes.data[i];
  visits.visits[visits.begins[list] + atomicAdd(&visits.counts[list], 1)] = static_cast<std::int32_t>(i);
}

unsigned blocks_of(std::int64_t n, std::int64_t of) { return static_cast<unsigned>((n + of - 1) / of); }

}  // namespace

void promise(MatrixView<const float> queries, const IvfItems& ivf, const PromiseQueries& made,
             MatrixView<float> promises, cudaStream_t stream) {
  quantise_kernel<<<blocks_of(queries.n_rows, kThreads), kThreads, 0, stream>>>(queries, made);
  SEGUE_CUDA_CHECK(cudaGetLastError());
  const dim3 grid(static_cast<unsigned>(ivf.promises.n_blocks), blocks_of(queries.n_rows, kQueriesAtOnce));
  promise_kernel<<<grid, kThreads, 0, stream>>>(ivf.promises, made, promises);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

void nearest_means(MatrixView<const float> points, const Int8Items& means, const PromiseQueries& made,
                   std::int32_t* nearest, cudaStream_t stream) {
  quantise_kernel<<<blocks_of(points.n_rows, kThreads), kThreads, 0, stream>>>(points, made);
  SEGUE_CUDA_CHECK(cudaGetLastError());
  nearest_means_kernel<<<blocks_of(points.n_rows, kThreads), kThreads, 0, stream>>>(means, made, points.n_rows,
                                                                                    nearest);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

void group_visits(MatrixView<const std::int32_t> probes, const Visits& visits, cudaStream_t stream) {
  const unsigned n_blocks = blocks_of(probes.n_rows * probes.n_cols, kThreads);
  SEGUE_CUDA_CHECK(
      cudaMemsetAsync(visits.counts, 0, static_cast<std::size_t>(visits.n_lists) * sizeof(std::int32_t), stream));
  count_kernel<<<n_blocks, kThreads, 0, stream>>>(probes, visits);
  SEGUE_CUDA_CHECK(cudaGetLastError());
  sum_kernel<<<1, kScanThreads, 0, stream>>>(visits);
  SEGUE_CUDA_CHECK(cudaGetLastError());
  put_down_kernel<<<n_blocks, kThreads, 0, stream>>>(probes, visits);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
