#pragma once

// Who of a block holds which sum, and how sums grow, by Hopper's wgmma: sm_90a alone.
//
// Groups of four warps each take 64 of the block's queries by all 128 items; both operands are read from shared memory.
// A warp holds 16 of the 64 rows, in the fragments of mma.

#include "kernels/cuda/scan_shared.cuh"
#include "kernels/cuda/tensor_core.cuh"

namespace segue::kernels::cuda {

/// Adds the products of 64 queries and 128 items over kStepBytes of their rows, by descriptors of both.
template <DType kDType>
struct WarpGroupCore;

// clang-format off
#define SEGUE_FOUR_SUMS(kind, j) kind(d[j][0]), kind(d[j][1]), kind(d[j][2]), kind(d[j][3])
#define SEGUE_ALL_SUMS(kind)                                                                                        \
  SEGUE_FOUR_SUMS(kind, 0), SEGUE_FOUR_SUMS(kind, 1), SEGUE_FOUR_SUMS(kind, 2), SEGUE_FOUR_SUMS(kind, 3),           \
  SEGUE_FOUR_SUMS(kind, 4), SEGUE_FOUR_SUMS(kind, 5), SEGUE_FOUR_SUMS(kind, 6), SEGUE_FOUR_SUMS(kind, 7),           \
  SEGUE_FOUR_SUMS(kind, 8), SEGUE_FOUR_SUMS(kind, 9), SEGUE_FOUR_SUMS(kind, 10), SEGUE_FOUR_SUMS(kind, 11),         \
  SEGUE_FOUR_SUMS(kind, 12), SEGUE_FOUR_SUMS(kind, 13), SEGUE_FOUR_SUMS(kind, 14), SEGUE_FOUR_SUMS(kind, 15)
#define SEGUE_WGMMA(shape_and_types, kind, modifiers)                                                               \
  asm volatile("wgmma.mma_async.sync.aligned." shape_and_types " {"                                                 \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "    \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "    \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "    \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"      \
    "}, %64, %65, 1" modifiers ";"                                                                                  \
    : SEGUE_ALL_SUMS(kind) : "l"(queries), "l"(items))
// clang-format on

template <>
struct WarpGroupCore<DType::kBFloat16> {
  using Sum = float;
  static __device__ void multiply(Sum (&d)[16][4], std::uint64_t queries, std::uint64_t items) {
    SEGUE_WGMMA("m64n128k16.f32.bf16.bf16", "+f", ", 1, 1, 0, 0");
  }
};

template <>
struct WarpGroupCore<DType::kFloat16> {
  using Sum = float;
  static __device__ void multiply(Sum (&d)[16][4], std::uint64_t queries, std::uint64_t items) {
    SEGUE_WGMMA("m64n128k16.f32.f16.f16", "+f", ", 1, 1, 0, 0");
  }
};

template <>
struct WarpGroupCore<DType::kFloat32> {
  using Sum = float;
  static __device__ void multiply(Sum (&d)[16][4], std::uint64_t queries, std::uint64_t items) {
    SEGUE_WGMMA("m64n128k8.f32.tf32.tf32", "+f", ", 1, 1");
  }
};

template <>
struct WarpGroupCore<DType::kInt8> {
  using Sum = int;
  static __device__ void multiply(Sum (&d)[16][4], std::uint64_t queries, std::uint64_t items) {
    SEGUE_WGMMA("m64n128k32.s32.s8.s8", "+r", "");
  }
};

#undef SEGUE_WGMMA
#undef SEGUE_ALL_SUMS
#undef SEGUE_FOUR_SUMS

/// Rows of kSliceBytes in the 128-byte swizzle, eight of which make 1024 bytes, from an address on.
__device__ inline std::uint64_t descriptor_of(std::uint32_t address) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62;
  constexpr std::uint64_t kStride = std::uint64_t{8 * kSliceBytes / 16} << 32;
  constexpr std::uint64_t kUnused = std::uint64_t{1} << 16;  // the leading dimension, of no account with a swizzle
  return kSwizzle128 | kStride | kUnused | ((address & 0x3FFFFU) >> 4);
}

/// A value that no instruction before may be taken to use, nor any behind to know.
__device__ inline void hold(float& value) { asm volatile("" : "+f"(value)::"memory"); }
__device__ inline void hold(int& value) { asm volatile("" : "+r"(value)::"memory"); }

/// Waits until at most kPending of this warp's latest groups of products are under way.
template <int kPending>
__device__ inline void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// All threads of a group of four warps: from here on they have so many registers.
template <int kRegisters, bool kMore>
__device__ inline void set_registers() {
  if constexpr (kMore)
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
  else
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

template <DType kOfDType, int kOfQueries>
struct ScanByWgmma {
  using Core = WarpGroupCore<kOfDType>;
  using Sum = typename Core::Sum;
  static constexpr DType kDType = kOfDType;
  static constexpr int kQueries = kOfQueries;
  static constexpr ScanSizes kSizes = scan_sizes(ScanForm::kWgmma, kQueries);
  static constexpr int kItemWarps = 1;
  static constexpr int kRowTiles = 1;  // of the 64 rows of a group of warps
  static constexpr int kColTiles = kTileItems / 8;
  static constexpr int kBucketParts = scan_bucket_parts(ScanForm::kWgmma, kQueries);
  using Sums = Sum[kRowTiles][kColTiles][4];
  static_assert(kTileItems == 128 && kGroupQueries == 64, "the shape of an instruction");
  // The loaders leave registers to those that hold sums; there are no more than the block began with.
  static constexpr int kLoaderRegisters = kQueries == 256 ? 32 : 56;
  static constexpr int kLookerRegisters = kQueries == 256 ? 112 : 160;
  static constexpr int kAllRegisters = 65536 / kSizes.threads / 8 * 8 * kSizes.threads;
  static_assert(kLookerRegisters * kSizes.hit_warps * 32 +
                    kLoaderRegisters * (kSizes.threads - kSizes.hit_warps * 32) <=
                kAllRegisters);

  static __device__ int query_of(int thread, int) { return thread / 32 * 16 + thread % 32 / 4; }
  static __device__ int item_of(int thread, int col_tile) { return col_tile * 8 + thread % 4 * 2; }

  /// Begins to add the products of a slice of the queries' rows and of the items' in a stage: a group.
  /// @param group  of four warps
  static __device__ void multiply(Sums& sums, int group, const char* query_slice, const ScanStage& stage) {
    const std::uint64_t queries = descriptor_of(shared_address(query_slice + group * (kGroupQueries * kSliceBytes)));
    const std::uint64_t items = descriptor_of(shared_address(stage.bytes));
    constexpr int kStep = kStepBytes / 16;  // descriptors count by 16 bytes
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int step = 0; step < kSliceBytes / kStepBytes; ++step)
      Core::multiply(sums[0], queries + step * kStep, items + step * kStep);
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  }

  /// Nothing may write a sum behind this, nor read it before end(), which is for behind the wait for the last products.
  static __device__ void begin(Sums& sums) { hold_all(sums); }
  static __device__ void end(Sums& sums) { hold_all(sums); }

 private:
  static __device__ void hold_all(Sums& sums) {
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
      for (int j = 0; j < kColTiles; ++j) {
#pragma unroll
        for (int c = 0; c < 4; ++c) hold(sums[i][j][c]);
      }
    }
  }
};

}  // namespace segue::kernels::cuda
