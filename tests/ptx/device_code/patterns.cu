#include "tests/ptx/device_code/patterns.h"

namespace segue::ptx {
namespace {

constexpr int kThreads = 256;

__device__ int sum_of_block(int mine) {
  __shared__ int of_thread[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  of_thread[thread] = mine;
  __syncthreads();
  for (int half = kThreads / 2; half >= 32; half /= 2) {
    if (thread < half) of_thread[thread] += of_thread[thread + half];
    __syncthreads();
  }
  if (thread < 32) {
    for (int half = 16; half > 0; half /= 2) {
      if (thread < half) of_thread[thread] += of_thread[thread + half];
      __syncwarp();
    }
  }
  return of_thread[0];  // for thread 0
}

__global__ void block_sums_kernel(const int* values, int n_values, int* sums) {
  const int at = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const int sum = sum_of_block(at < n_values ? values[at] : 0);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void last_block_sum_kernel(const int* values, int n_values, int* partial, unsigned* n_done, int* total) {
  __shared__ bool is_last;
  const int at = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const int sum = sum_of_block(at < n_values ? values[at] : 0);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    __threadfence();
    is_last = atomicAdd(n_done, 1U) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (!is_last) return;
  if (threadIdx.x < 32) {
    int mine = 0;
    for (unsigned i = threadIdx.x; i < gridDim.x; i += 32) mine += partial[i];
    for (int step = 16; step > 0; step /= 2) mine += __shfl_down_sync(0xFFFFFFFFU, mine, step);
    if (threadIdx.x == 0) {
      *total = mine;
      *n_done = 0;
    }
  }
}

__global__ void histogram_kernel(const int* values, int n_values, unsigned* counts) {
  __shared__ unsigned of_block[64];
  if (threadIdx.x < 64) of_block[threadIdx.x] = 0;
  __syncthreads();
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (at < n_values) atomicAdd(&of_block[values[at]], 1U);
  __syncthreads();
  if (threadIdx.x < 64) atomicAdd(&counts[threadIdx.x], of_block[threadIdx.x]);
}

constexpr int kRows = 32, kColumns = 16, kDepth = 16, kStages = 3;
constexpr int kPitch = kDepth + 8;  // of a row in shared memory: 48 bytes, so that eight rows meet all banks

__device__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

__device__ void copy_16_bytes(const void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from));
}

/// Two warps; each makes 16 rows by 16 columns.
__global__ void pipelined_matmul_kernel(const std::uint16_t* a, const std::uint16_t* b, float* c, int depth,
                                        int c_stride) {
  __shared__ alignas(16) std::uint16_t a_stage[kStages][kRows][kPitch];
  __shared__ alignas(16) std::uint16_t b_stage[kStages][kColumns][kPitch];
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int n_slices = depth / kDepth;
  const auto load = [&](int slice) {
    if (slice < n_slices) {
      const int row = thread / 2, half = thread % 2 * 8;
      copy_16_bytes(&a_stage[slice % kStages][row][half],
                    a + (static_cast<int>(blockIdx.x) * kRows + row) * depth + slice * kDepth + half);
      if (row < kColumns)
        copy_16_bytes(&b_stage[slice % kStages][row][half],
                      b + (static_cast<int>(blockIdx.y) * kColumns + row) * depth + slice * kDepth + half);
    }
    asm volatile("cp.async.commit_group;");
  };
  float sums[2][4] = {};
  for (int slice = 0; slice < kStages - 1; ++slice) load(slice);
  for (int slice = 0; slice < n_slices; ++slice) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kStages - 2) : "memory");
    __syncthreads();
    load(slice + kStages - 1);
    const int stage = slice % kStages;
    unsigned left[4], right[4];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(left[0]), "=r"(left[1]), "=r"(left[2]), "=r"(left[3])
                 : "r"(shared_address(&a_stage[stage][warp * 16 + lane % 16][lane / 16 * 8])));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(right[0]), "=r"(right[1]), "=r"(right[2]), "=r"(right[3])
                 : "r"(shared_address(&b_stage[stage][lane / 16 * 8 + lane % 8][lane / 8 % 2 * 8])));
    for (int half = 0; half < 2; ++half)
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, "
          "%2, %3};"
          : "+f"(sums[half][0]), "+f"(sums[half][1]), "+f"(sums[half][2]), "+f"(sums[half][3])
          : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[2 * half]), "r"(right[2 * half + 1]));
  }
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) {
      const int row = static_cast<int>(blockIdx.x) * kRows + warp * 16 + lane / 4 + i / 2 * 8;
      const int column = static_cast<int>(blockIdx.y) * kColumns + half * 8 + lane % 4 * 2 + i % 2;
      c[row * c_stride + column] = sums[half][i];
    }
  }
}

}  // namespace

void block_sums(const int* values, int n_values, int* sums, int n_blocks, cudaStream_t stream) {
  block_sums_kernel<<<n_blocks, kThreads, 0, stream>>>(values, n_values, sums);
}
void last_block_sum(const int* values, int n_values, int* partial, unsigned* n_done, int* sum, int n_blocks,
                    cudaStream_t stream) {
  last_block_sum_kernel<<<n_blocks, kThreads, 0, stream>>>(values, n_values, partial, n_done, sum);
}
void histogram(const int* values, int n_values, unsigned* counts, int n_blocks, cudaStream_t stream) {
  histogram_kernel<<<n_blocks, kThreads, 0, stream>>>(values, n_values, counts);
}
void pipelined_matmul(const std::uint16_t* a, const std::uint16_t* b, float* c, int m_tiles, int n_tiles, int depth,
                      cudaStream_t stream) {
  pipelined_matmul_kernel<<<dim3(static_cast<unsigned>(m_tiles), static_cast<unsigned>(n_tiles)), 64, 0, stream>>>(
      a, b, c, depth, n_tiles * kColumns);
}

}  // namespace segue::ptx
