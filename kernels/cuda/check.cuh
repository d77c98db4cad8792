#pragma once

#include <cuda_runtime.h>

#include <string>

#include "kernels/device.h"

namespace segue::kernels::cuda {

/// Throws DeviceFailure, naming the file and line, unless `code` is cudaSuccess.
inline void check(cudaError_t code, const char* file, int line) {
  if (code == cudaSuccess) return;
  (void)cudaGetLastError();  // said once is enough: the next call is judged by itself
  throw DeviceFailure(std::string(file) + ":" + std::to_string(line) + ": " + cudaGetErrorName(code) + ": " +
                      cudaGetErrorString(code));
}

#define SEGUE_CUDA_CHECK(expression) ::segue::kernels::cuda::check((expression), __FILE__, __LINE__)

/// Makes the device of a call the current one for as long as it lives.
class DeviceGuard {
 public:
  explicit DeviceGuard(const Device& device) : DeviceGuard(device.index) {}
  explicit DeviceGuard(int index) {
    SEGUE_CUDA_CHECK(cudaGetDevice(&before_));
    changed_ = index != before_;
    if (changed_) SEGUE_CUDA_CHECK(cudaSetDevice(index));
  }
  ~DeviceGuard() {
    if (changed_) (void)cudaSetDevice(before_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

}  // namespace segue::kernels::cuda
