#pragma once

#include <cuda_runtime.h>

#include <string>

#include "kernels/device.h"

namespace segue::kernels::cuda {

/// Throws DeviceFailure, naming the file and line, unless `code` is cudaSuccess.
inline void check(cudaError_t code, const char* file, int line) {
  if (code == cudaSuccess) return;
  throw DeviceFailure(std::string(file) + ":" + std::to_string(line) + ": " + cudaGetErrorName(code) + ": " +
                      cudaGetErrorString(code));
}

}  // namespace segue::kernels::cuda

#define SEGUE_CUDA_CHECK(expression) ::segue::kernels::cuda::check((expression), __FILE__, __LINE__)
