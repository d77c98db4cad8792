#pragma once

#include <cuda_runtime_api.h>

#include <mutex>
#include <unordered_map>

#include "tests/ptx/machine.h"
#include "tests/ptx/stream_queues.h"

namespace segue::ptx {

/// A kernel or a variable that host code names by an address of its own.
struct RegisteredKernel {
  Module* module = nullptr;
  std::string name;
  std::unordered_map<int, std::size_t> most_dynamic_shared;  ///< by device, where the attribute was set
};
struct RegisteredVariable {
  Module* module = nullptr;
  std::string name;
  std::size_t n_bytes = 0;
};

/// What the functions of the CUDA runtime share (runtime_*.cc).
struct Runtime {
  std::unordered_map<const void*, RegisteredKernel> kernels;
  std::unordered_map<const void*, RegisteredVariable> variables;
  std::unordered_map<const void*, std::string> broken_modules;  ///< why a fat binary cannot be used
  std::unordered_map<void*, std::size_t> pinned;                ///< host memory that copies may use at any time
  cudaError_t last_error = cudaSuccess;
  cudaError_t sticky = cudaSuccess;  ///< after a fault of a kernel every call fails, until the device is reset
};
Runtime& runtime();

/// Holds the runtime's lock for a call, and remembers its error for cudaGetLastError.
class Call {
 public:
  Call() : lock_(machine().mutex) {}
  /// The result of a call: the sticky error if there is one.
  cudaError_t result(cudaError_t error) const {
    if (runtime().sticky != cudaSuccess) error = runtime().sticky;
    if (error != cudaSuccess && error != cudaErrorNotReady) runtime().last_error = error;
    return error;
  }

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

/// The error that a device would report for the fault that ended a kernel.
cudaError_t error_of(const std::vector<Fault>& faults, std::size_t first);

/// Waits for a stream, a device, or until `is_done`; counts it. cudaErrorLaunchTimeout when nothing can go on.
cudaError_t wait_until(const std::function<bool()>& is_done);

}  // namespace segue::ptx
