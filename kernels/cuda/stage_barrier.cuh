#pragma once

// Barriers in shared memory between those who fill a stage and those who leave it: mbarrier, of sm_80 and later; and
// the fence between ordinary writes and the tensor cores' own reads, of sm_90.

#include <cstdint>

#include "kernels/cuda/tensor_core.cuh"

namespace segue::kernels::cuda {

/// One thread makes a barrier that so many arrivals complete, before a __syncthreads().
__device__ inline void make_barrier(std::uint64_t* barrier, unsigned n_arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(n_arrivals) : "memory");
}

/// What this thread has done is seen by those whom the barrier lets pass.
__device__ inline void arrive(std::uint64_t* barrier) {
  asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared::cta.b64 state, [%0];\n}" ::"r"(shared_address(barrier))
               : "memory");
}

/// Waits until a barrier has completed a round of this number modulo 2: 0 the first. Of the round before the first it
/// is true at once.
__device__ inline void wait_for_round(std::uint64_t* barrier, unsigned round) {
#if __CUDA_ARCH__ >= 900
  unsigned done = 0;
  while (done == 0) {
    asm volatile(
        "{\n.reg .pred is_done;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 is_done, [%1], %2;\n"
        "selp.u32 %0, 1, 0, is_done;\n}"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(round)
        : "memory");
  }
#else
  (void)barrier;
  (void)round;
#endif
}

/// Lets tensor cores read, through shared memory, what this thread has written there: before the barrier by which they
/// come to know of it.
__device__ inline void publish_to_tensor_cores() {
#if __CUDA_ARCH__ >= 900
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

}  // namespace segue::kernels::cuda
