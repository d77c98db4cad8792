#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <vector>

namespace segue::ptx {

/// Values in the memory of the device, for tests.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : size_(values.size()) {
    check(cudaMalloc(&memory_, size_ * sizeof(T)));
    check(cudaMemcpy(memory_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
    check(cudaDeviceSynchronize());
  }
  /// Uninitialised.
  explicit DeviceArray(std::size_t size) : size_(size) { check(cudaMalloc(&memory_, size_ * sizeof(T))); }
  ~DeviceArray() { (void)cudaFree(memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  std::vector<T> values() const {
    std::vector<T> host(size_);
    check(cudaMemcpy(host.data(), memory_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return host;
  }
  T* data() const { return static_cast<T*>(memory_); }
  /// What LoadedModule::launch takes for a pointer parameter.
  const void* argument() const { return &memory_; }

 private:
  static void check(cudaError_t error) {
    if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
  }

  void* memory_ = nullptr;
  std::size_t size_;
};

}  // namespace segue::ptx
