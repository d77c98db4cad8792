#pragma once

// The PTX that C++ has no words for: asynchronous copies into shared memory, ldmatrix and mma.sync, of sm_80 and later.
//
// mma multiplies 16 rows of A by 8 rows of B ("col" operand) over kStepBytes of both. Whatever the dtype, A's fragment
// is what ldmatrix.x4 gives for 16 rows x 32 bytes and B's what ldmatrix.x2 gives for 8 rows x 32 bytes; of the sums a
// lane holds {row lane / 4, columns 2 (lane % 4) and + 1} and the same 8 rows below.

#include <cstdint>

#include "kernels/dtype.h"

namespace segue::kernels::cuda {

inline constexpr int kStepBytes = 32;  ///< of a row that one mma consumes

__device__ inline std::uint32_t shared_address(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

/// 16 bytes from global to shared memory; zeros, and nothing read, unless `exists`.
__device__ inline void copy_16_async(std::uint32_t to, const void* from, bool exists) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(exists ? 16 : 0) : "memory");
}
__device__ inline void copy_16_async(std::uint32_t to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}
__device__ inline void copy_4_async(std::uint32_t to, const void* from, bool exists) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(exists ? 4 : 0) : "memory");
}
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits until at most kPending of this thread's latest groups are under way.
template <int kPending>
__device__ inline void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/// Four 8 x 16-byte matrices; lane l gives the address of row l % 8 of matrix l / 8.
__device__ inline void load_matrices(std::uint32_t (&to)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}

template <DType kDType>
struct TensorCore;

#define SEGUE_FLOAT_MMA(shape_and_types)                                                                     \
  asm("mma.sync.aligned." shape_and_types " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                                           \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_low), "r"(b_high))

template <>
struct TensorCore<DType::kBFloat16> {
  using Sum = float;
  static __device__ void multiply(Sum (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b_low,
                                  std::uint32_t b_high) {
    SEGUE_FLOAT_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
  }
};

template <>
struct TensorCore<DType::kFloat16> {
  using Sum = float;
  static __device__ void multiply(Sum (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b_low,
                                  std::uint32_t b_high) {
    SEGUE_FLOAT_MMA("m16n8k16.row.col.f32.f16.f16.f32");
  }
};

/// float32 read as tf32: the lower 13 bits of each element do not count.
template <>
struct TensorCore<DType::kFloat32> {
  using Sum = float;
  static __device__ void multiply(Sum (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b_low,
                                  std::uint32_t b_high) {
    SEGUE_FLOAT_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
  }
};

#undef SEGUE_FLOAT_MMA

template <>
struct TensorCore<DType::kInt8> {
  using Sum = int;
  static __device__ void multiply(Sum (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b_low,
                                  std::uint32_t b_high) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_low), "r"(b_high));
  }
};

}  // namespace segue::kernels::cuda
