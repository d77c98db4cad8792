#include "kernels/cuda/check.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/cuda/tensor_core.cuh"
#include "tools/bench/cuda_top_k/device_array.h"
#include "tools/bench/cuda_top_k/device_clock.h"
#include "tools/bench/cuda_top_k/floors.h"

namespace segue::bench {
namespace {

using kernels::DType;

constexpr int kThreads = 256;
constexpr int kBlocksPerProcessor = 2;
constexpr int kSums = 16;

template <DType kDType>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor) mma_sync_kernel(int n_steps, int* never) {
  using Core = kernels::cuda::TensorCore<kDType>;
  typename Core::Sum sums[kSums][4] = {};
  const std::uint32_t lane = threadIdx.x;
  const std::uint32_t a[4] = {lane, lane * 3, lane * 5, lane * 7};
  for (int step = 0; step < n_steps; ++step) {
#pragma unroll
    for (int i = 0; i < kSums; ++i) Core::multiply(sums[i], a, lane * 11 + i, lane * 13 + i);
  }
  typename Core::Sum total = 0;
#pragma unroll
  for (int i = 0; i < kSums; ++i) total += sums[i][0] + sums[i][1] + sums[i][2] + sums[i][3];
  // Never true, but nothing else tells the compiler that the sums are wanted.
  if (n_steps < 0) *never = static_cast<int>(total);
}

int attribute(cudaDeviceAttr which) {
  int device = 0;
  int value = 0;
  SEGUE_CUDA_CHECK(cudaGetDevice(&device));
  SEGUE_CUDA_CHECK(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

}  // namespace

DeviceNumbers device_numbers() {
  return {attribute(cudaDevAttrComputeCapabilityMajor) * 10 + attribute(cudaDevAttrComputeCapabilityMinor),
          attribute(cudaDevAttrMultiProcessorCount), attribute(cudaDevAttrClockRate),
          attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin), attribute(cudaDevAttrL2CacheSize)};
}

double copy_gb_s(std::int64_t n_bytes, int n_repeats) {
  const DeviceArray<char> from(n_bytes), to(n_bytes);
  const auto copy = [&] {
    SEGUE_CUDA_CHECK(
        cudaMemcpyAsync(to.data(), from.data(), static_cast<std::size_t>(n_bytes), cudaMemcpyDeviceToDevice));
  };
  copy();
  return 2 * static_cast<double>(n_bytes) / median(repeat(copy, n_repeats, n_repeats, 0)) * 1e-6;
}

double mma_sync_tflop_s(DType dtype, int n_steps, int n_repeats) {
  const DeviceArray<int> never(1);
  const int n_blocks = attribute(cudaDevAttrMultiProcessorCount) * kBlocksPerProcessor;
  const auto multiply = [&] {
    kernels::cuda::for_dtype(dtype, [&](auto constant) {
      mma_sync_kernel<decltype(constant)::value><<<n_blocks, kThreads>>>(n_steps, never.data());
    });
    SEGUE_CUDA_CHECK(cudaGetLastError());
  };
  multiply();
  const double products = 16.0 * 8 * kernels::cuda::kStepBytes / static_cast<double>(kernels::bytes_of(dtype));
  const double per_launch = 2 * products * kSums * n_steps * n_blocks * (kThreads / 32);
  return per_launch / median(repeat(multiply, n_repeats, n_repeats, 0)) * 1e-9;
}

}  // namespace segue::bench
