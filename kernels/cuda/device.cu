// The CUDA device of this process: is it there, and its memory.

#include <cstdlib>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_facts.h"
#include "kernels/device.h"
#include "kernels/device_memory.h"

namespace segue::kernels {

int cuda_device_count() {
  int n_devices = 0;
  if (cudaGetDeviceCount(&n_devices) != cudaSuccess) {
    (void)cudaGetLastError();  // a machine without a driver is no error here: forget it
    return 0;
  }
  return n_devices;
}

void use_device(int index) { SEGUE_CUDA_CHECK(cudaSetDevice(index)); }

DeviceMemory device_memory() {
  DeviceMemory memory;
  SEGUE_CUDA_CHECK(cudaMemGetInfo(&memory.free, &memory.total));
  return memory;
}

void* allocate_on_device(std::size_t n_bytes) {
  void* memory = nullptr;
  const cudaError_t code = cudaMalloc(&memory, n_bytes == 0 ? 1 : n_bytes);
  if (code == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();  // memory may become free: the next call is none the worse for it
    const DeviceMemory left = device_memory();
    throw DeviceFailure("the CUDA device has no room for " + std::to_string(n_bytes) + " bytes more: " +
                        std::to_string(left.free) + " of " + std::to_string(left.total) + " are free");
  }
  SEGUE_CUDA_CHECK(code);
  return memory;
}

void free_on_device(void* memory) { (void)cudaFree(memory); }

void copy_to_device(void* to, const void* from, std::size_t n_bytes) {
  SEGUE_CUDA_CHECK(cudaMemcpy(to, from, n_bytes, cudaMemcpyHostToDevice));
}

void copy_from_device(void* to, const void* from, std::size_t n_bytes) {
  SEGUE_CUDA_CHECK(cudaDeviceSynchronize());
  SEGUE_CUDA_CHECK(cudaMemcpy(to, from, n_bytes, cudaMemcpyDeviceToHost));
}

void wait_for_device() { SEGUE_CUDA_CHECK(cudaDeviceSynchronize()); }

namespace cuda {
namespace {

#ifdef SEGUE_CUDA_SM90A
constexpr bool kBuiltForHopper = true;
#else
constexpr bool kBuiltForHopper = false;
#endif

bool refused_wgmma() {
  const char* value = std::getenv("SEGUE_CUDA_WGMMA");  // NOLINT(concurrency-mt-unsafe): nothing here sets it
  return value != nullptr && std::string(value) == "0";
}

}  // namespace

DeviceFacts facts_of_current_device() {
  int device = 0;
  int n_processors = 0;
  int shared_bytes = 0;
  SEGUE_CUDA_CHECK(cudaGetDevice(&device));
  SEGUE_CUDA_CHECK(cudaDeviceGetAttribute(&n_processors, cudaDevAttrMultiProcessorCount, device));
  SEGUE_CUDA_CHECK(cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  int major = 0;
  int minor = 0;
  SEGUE_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  SEGUE_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  return {n_processors, static_cast<std::size_t>(shared_bytes),
          kBuiltForHopper && major == 9 && minor == 0 && !refused_wgmma()};
}

}  // namespace cuda
}  // namespace segue::kernels
