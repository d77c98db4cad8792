#pragma once

#include <cstddef>
#include <stdexcept>

namespace segue::kernels {

/// Where a kernel runs, and so where every pointer handed to it must point.
struct Device {
  enum class Kind { kReference, kCpu, kCuda };  ///< kReference: the scalar definition, for tests

  Kind kind = Kind::kCpu;
  int n_threads = 1;          ///< CPU
  void* stream = nullptr;     ///< a cudaStream_t of device `index`; nullptr is its default stream
  int index = 0;              ///< CUDA: which device
  void* workspace = nullptr;  ///< CUDA: memory of the device, on 256 bytes, in which calls of one stream may work
  std::size_t workspace_bytes = 0;
};

/// The device is missing from this build or this machine, or it failed.
struct DeviceFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// CUDA devices this process can use: 0 in a build without CUDA, without a driver, or on any error.
int cuda_device_count();

}  // namespace segue::kernels
