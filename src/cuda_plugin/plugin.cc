#include "cuda_plugin/plugin.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <exception>

namespace {

template <class Body>
int guarded(char* message, std::size_t size, Body body) {
  try {
    body();
    return 0;
  } catch (const c10::Error& error) {
    std::snprintf(message, size, "%s", error.what_without_backtrace());
  } catch (const std::exception& error) {
    std::snprintf(message, size, "%s", error.what());
  }
  return 1;
}

}  // namespace

extern "C" {

int segue_cuda_open(char* message, std::size_t size) {
  return guarded(message, size, [] {
    at::globalContext().lazyInitDevice(at::kCUDA);
    c10::cuda::device_count_ensure_non_zero();
  });
}

int segue_cuda_device_name(int device, char* name, char* message, std::size_t size) {
  return guarded(message, size, [&] {
    cudaDeviceProp properties{};
    C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
    std::snprintf(name, size, "%s", properties.name);
  });
}

int segue_cuda_synchronize(int device, char* message, std::size_t size) {
  return guarded(message, size, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
    c10::cuda::device_synchronize();
  });
}

int segue_cuda_memory(int device, std::int64_t* figures, char* message, std::size_t size) {
  return guarded(message, size, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
    std::size_t free_bytes = 0, total_bytes = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
    figures[0] = static_cast<std::int64_t>(free_bytes);
    figures[1] = static_cast<std::int64_t>(total_bytes);
    figures[2] = stats.allocated_bytes[0].peak;
  });
}
}
