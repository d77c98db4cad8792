#pragma once

#include <cuda_runtime_api.h>

// Kernels for runtime_test.cc: what the runtime and the device must refuse.

namespace segue::ptx {

void write_at(int* to, long index, int value, cudaStream_t stream);     ///< to[index] = value
void copy_words(int* to, const int* from, int n, cudaStream_t stream);  ///< one thread a word
void read_pair(const char* from, int* to, cudaStream_t stream);         ///< one read of 8 bytes, whatever the address
void fill_shared(int* to, int n_blocks, int n_threads, std::size_t shared_bytes, cudaStream_t stream);
const void* fill_shared_kernel_address();
void assert_positive(int value, cudaStream_t stream);
void add_constant(int* to, cudaStream_t stream);  ///< to[0] += the variable of the device
const void* constant_address();
void bounded_block(int n_threads, cudaStream_t stream);  ///< __launch_bounds__(64)
void grid_barrier(unsigned* arrived, int* values, int* sums, int n_blocks,
                  cudaStream_t stream);  ///< blocks wait for all others

}  // namespace segue::ptx
