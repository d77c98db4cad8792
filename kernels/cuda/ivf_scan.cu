// Lists by tensor cores. The panels of an index file are read as they lie: 16 items side by side, four dimensions a
// word, so that word (dimension / 4, item) is just what a lane of mma's B operand holds. A panel is two mma tiles of
// items; its words go from global memory to registers, each 32-byte sector whole.
//
// A block takes a group of 16 queries to a list; its 8 warps share the list's panels. The levels of the items are
// stored as z + 128, so that sums carry 128 times the sum of a query's levels, which is taken off.

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/ivf_scan.cuh"
#include "kernels/cuda/tensor_core.cuh"
#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kStepGroups = kStepBytes / 4;  // words of a panel's item that one mma consumes
constexpr float kRounding = 1e-6F;
static_assert(kVisitQueries == 16, "the rows of an mma tile");
static_assert(kIvfBuckets == kWarps * 4, "a bucket a warp and a quarter of its columns");

/// B holds z + 128 in unsigned bytes, A levels in signed ones.
__device__ void multiply(int (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b_low, std::uint32_t b_high) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_low), "r"(b_high));
}

/// The list of a group: the last one whose groups begin at or before it.
__device__ std::int64_t list_of_group(const Visits& visits, std::int32_t group) {
  std::int64_t low = 0;
  std::int64_t high = visits.n_lists;
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (visits.groups[middle] <= group ? low : high) = middle;
  }
  return low;
}

/// A query of the block, as its threads compare with it.
struct Visitor {
  std::int32_t visit;  // query * n_probes + rank; -1: none
  float threshold, norm, error, scale;
  int correction;  // 128 times the sum of its levels
};

template <bool kSamples>
__global__ void __launch_bounds__(kThreads, 2) ivf_scan_kernel(const __grid_constant__ IvfScan scan) {
  extern __shared__ __align__(128) char memory[];
  auto* visitors = reinterpret_cast<Visitor*>(memory);
  char* levels = memory + 512;  // rows of row_bytes + 16, so that ldmatrix meets no bank twice
  static_assert(sizeof(Visitor) * kVisitQueries <= 512, "room before the levels");
  const auto group = static_cast<std::int32_t>(blockIdx.x);
  if (group >= scan.visits.groups[scan.visits.n_lists]) return;
  const std::int64_t list = list_of_group(scan.visits, group);
  const std::int32_t first_visit = scan.visits.begins[list] + (group - scan.visits.groups[list]) * kVisitQueries;
  const std::int32_t n_left = scan.visits.begins[list + 1] - first_visit;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % 32;
  const int warp = thread / 32;
  const int pitch = static_cast<int>(scan.row_bytes) + 16;

  // 16 threads a query bring its levels and their sum.
  const int row = thread / 16;
  const std::int32_t visit = row < n_left ? scan.visits.visits[first_visit + row] : -1;
  const std::int64_t query = visit / scan.n_probes;
  int sum = 0;
  for (int at = thread % 16 * 4; at < scan.row_bytes; at += 64) {
    std::uint32_t word = 0;
    if (visit >= 0) word = *reinterpret_cast<const std::uint32_t*>(scan.queries + query * scan.row_bytes + at);
    *reinterpret_cast<std::uint32_t*>(levels + row * pitch + at) = word;
    for (int byte = 0; byte < 4; ++byte) sum += static_cast<std::int8_t>(word >> (8 * byte));
  }
  for (int distance = 8; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xFFFF'FFFFU, sum, distance);
  if (thread % 16 == 0) {
    Visitor visitor{-1, 0.0F, 0.0F, 0.0F, 0.0F, 128 * sum};
    if (visit >= 0) {
      const QueryBound bound = scan.bounds[query];
      visitor = {visit, bound.threshold, bound.per_error + bound.per_norm, bound.per_norm, bound.scale, 128 * sum};
    }
    visitors[row] = visitor;
  }
  __syncthreads();

  const Visitor mine[2] = {visitors[lane / 4], visitors[lane / 4 + 8]};
  float maxima[2] = {kMaskedScore, kMaskedScore};
  const std::int64_t n_groups = (scan.lists.dim + 3) / 4;
  // The definition sums from the bias on and rounds at every step.
  const float bias_rounding = scan.lists.bias == nullptr ? 0.0F : static_cast<float>(scan.lists.dim + 64) * 0x1p-23F;
  const std::uint32_t a_address = shared_address(levels + lane % 16 * pitch) + lane / 16 * 16;
  for (std::int64_t block = scan.first_blocks[list]; block < scan.first_blocks[list + 1]; ++block) {
    const Int8Block bounds = scan.lists.blocks[block];
    float least[2];
    float scales[2];
    for (int half = 0; half < 2; ++half) {
      const float error = mine[half].norm * bounds.max_error + mine[half].error * bounds.max_norm +
                          kRounding * mine[half].norm * bounds.max_size + bias_rounding * bounds.max_size + 0x1p-100F;
      least[half] = mine[half].threshold - error;
      scales[half] = mine[half].scale * bounds.scale;
    }
    const std::int64_t end = scan.lists.firsts[block + 1] / kInt8PanelItems;
    for (std::int64_t panel = scan.lists.firsts[block] / kInt8PanelItems; panel < end; ++panel) {
      // A sample takes every panel_step-th panel, and its panels go round the warps as well.
      if (panel % scan.panel_step != 0 || panel / scan.panel_step % kWarps != warp) continue;
      __syncwarp();
      const auto* words = reinterpret_cast<const std::uint32_t*>(scan.lists.panels + panel * scan.lists.panel_bytes());
      int sums[2][4] = {};
      for (std::int64_t step = 0; step * kStepGroups < n_groups; ++step) {
        std::uint32_t a[4];
        load_matrices(a, a_address + static_cast<std::uint32_t>(step) * kStepBytes);
        std::uint32_t b[2][2];
        for (int half = 0; half < 2; ++half) {
          const std::int64_t at = step * kStepGroups + half * 4 + lane % 4;
          for (int tile = 0; tile < 2; ++tile)
            b[tile][half] = at < n_groups ? words[at * kInt8PanelItems + tile * 8 + lane / 4] : 0;
        }
        for (int tile = 0; tile < 2; ++tile) multiply(sums[tile], a, b[tile][0], b[tile][1]);
      }
      for (int tile = 0; tile < 2; ++tile) {
        for (int c = 0; c < 4; ++c) {
          const Visitor& visitor = mine[c / 2];
          const std::int64_t at = panel * kInt8PanelItems + tile * 8 + lane % 4 * 2 + c % 2;
          const float bias = scan.lists.bias == nullptr ? 0.0F : scan.lists.bias[at];
          const float score = static_cast<float>(sums[tile][c] - visitor.correction) * scales[c / 2] + bias;
          if constexpr (kSamples) {
            const std::int32_t item = scan.lists.rows[at];
            if (item >= 0 && is_allowed(scan.allowed, item)) maxima[c / 2] = fmaxf(maxima[c / 2], score);
          } else {
            // Of a score rounded in float32 itself, more is left off the larger it is.
            if (score < least[c / 2] - kRounding * (fabsf(score) + fabsf(visitor.threshold))) continue;
            const std::int32_t item = scan.lists.rows[at];
            if (visitor.visit < 0 || item < 0 || !is_allowed(scan.allowed, item)) continue;
            const std::int64_t q = visitor.visit / scan.n_probes;
            const int place = atomicAdd(&scan.counts[q], 1);
            if (place < scan.capacity) scan.candidates[q * scan.capacity + place] = item;
          }
        }
      }
    }
  }
  if constexpr (kSamples) {
    for (int half = 0; half < 2; ++half) {
      if (mine[half].visit < 0) continue;
      scan.maxima[static_cast<std::int64_t>(mine[half].visit) * kIvfBuckets + warp * 4 + lane % 4] = maxima[half];
    }
  }
}

}  // namespace

std::size_t ivf_scan_shared_bytes(std::int64_t row_bytes) {
  return 512 + static_cast<std::size_t>(kVisitQueries * (row_bytes + 16));
}

void ivf_scan(const IvfScan& scan, cudaStream_t stream) {
  const auto kernel = scan.maxima != nullptr ? ivf_scan_kernel<true> : ivf_scan_kernel<false>;
  const std::size_t shared_bytes = ivf_scan_shared_bytes(scan.row_bytes);
  SEGUE_CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                        cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)));
  kernel<<<static_cast<unsigned>(scan.most_groups), kThreads, shared_bytes, stream>>>(scan);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
