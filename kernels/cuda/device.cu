// The CUDA device of this process: is it there, and its memory.

#include "kernels/cuda/check.cuh"
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

void* allocate_on_device(std::size_t n_bytes) {
  void* memory = nullptr;
  SEGUE_CUDA_CHECK(cudaMalloc(&memory, n_bytes == 0 ? 1 : n_bytes));
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

}  // namespace segue::kernels
