#undef NDEBUG  // its assertion is there to fail
#include <cassert>

#include "tests/ptx/device_code/misuse.h"

namespace segue::ptx {
namespace {

__constant__ int constant_of_device = 5;

__global__ void write_at_kernel(int* to, long index, int value) { to[index] = value; }

__global__ void copy_words_kernel(int* to, const int* from, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) to[i] = from[i];
}

__global__ void read_pair_kernel(const char* from, int* to) {
  const int2 pair = *reinterpret_cast<const int2*>(from);
  to[0] = pair.x;
  to[1] = pair.y;
}

extern __shared__ int dynamic_memory[];

__global__ void fill_shared_kernel(int* to, int n_words) {
  for (int i = static_cast<int>(threadIdx.x); i < n_words; i += static_cast<int>(blockDim.x)) dynamic_memory[i] = i;
  __syncthreads();
  if (threadIdx.x == 0) to[blockIdx.x] = n_words == 0 ? 0 : dynamic_memory[n_words - 1];
}

__global__ void assert_positive_kernel(int value) { assert(value > 0); }

__global__ void add_constant_kernel(int* to) { to[0] += constant_of_device; }

__global__ void __launch_bounds__(64) bounded_block_kernel() {}

__global__ void grid_barrier_kernel(unsigned* arrived, int* values, int* sums) {
  if (threadIdx.x == 0) {
    values[blockIdx.x] = static_cast<int>(blockIdx.x) + 1;
    __threadfence();
    atomicAdd(arrived, 1U);
    while (atomicAdd(arrived, 0U) < gridDim.x) {
    }
    __threadfence();
    int sum = 0;
    for (unsigned i = 0; i < gridDim.x; ++i) sum += values[i];
    sums[blockIdx.x] = sum;
  }
}

}  // namespace

void write_at(int* to, long index, int value, cudaStream_t stream) {
  write_at_kernel<<<1, 1, 0, stream>>>(to, index, value);
}
void copy_words(int* to, const int* from, int n, cudaStream_t stream) {
  copy_words_kernel<<<(n + 63) / 64, 64, 0, stream>>>(to, from, n);
}
void read_pair(const char* from, int* to, cudaStream_t stream) { read_pair_kernel<<<1, 1, 0, stream>>>(from, to); }
void fill_shared(int* to, int n_blocks, int n_threads, std::size_t shared_bytes, cudaStream_t stream) {
  fill_shared_kernel<<<n_blocks, n_threads, shared_bytes, stream>>>(to, static_cast<int>(shared_bytes / sizeof(int)));
}
const void* fill_shared_kernel_address() { return reinterpret_cast<const void*>(fill_shared_kernel); }
void assert_positive(int value, cudaStream_t stream) { assert_positive_kernel<<<1, 1, 0, stream>>>(value); }
void add_constant(int* to, cudaStream_t stream) { add_constant_kernel<<<1, 1, 0, stream>>>(to); }
const void* constant_address() { return &constant_of_device; }
void bounded_block(int n_threads, cudaStream_t stream) { bounded_block_kernel<<<1, n_threads, 0, stream>>>(); }
void grid_barrier(unsigned* arrived, int* values, int* sums, int n_blocks, cudaStream_t stream) {
  grid_barrier_kernel<<<n_blocks, 32, 0, stream>>>(arrived, values, sums);
}

}  // namespace segue::ptx
