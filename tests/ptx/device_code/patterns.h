#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// Small kernels that are right, each with one of the patterns that ours live on: defect_test.cc breaks them one by one.

namespace segue::ptx {

/// sums[b] = the sum of values[256 b] .. values[256 b + 255], as far as there are n_values. 256 threads a block.
void block_sums(const int* values, int n_values, int* sums, int n_blocks, cudaStream_t stream);

/// *sum = the sum of all values, by the block that finishes last. `partial` holds n_blocks, `*n_done` is 0 and left so.
void last_block_sum(const int* values, int n_values, int* partial, unsigned* n_done, int* sum, int n_blocks,
                    cudaStream_t stream);

/// counts[v] += 1 for each value v in 0..63.
void histogram(const int* values, int n_values, unsigned* counts, int n_blocks, cudaStream_t stream);

/// c = a x b, a [32 * m_tiles, depth] and b [16 * n_tiles, depth] in bf16 (b by columns), c in float32; depth a
/// multiple of
/// 16. Three stages of cp.async, ldmatrix, mma.
void pipelined_matmul(const std::uint16_t* a, const std::uint16_t* b, float* c, int m_tiles, int n_tiles, int depth,
                      cudaStream_t stream);

}  // namespace segue::ptx
