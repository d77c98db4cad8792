#pragma once

#include <cuda_runtime.h>

#include <string>

#include "kernels/device.h"
#include "kernels/item_vectors.h"

namespace segue::kernels::cuda {

/// Throws DeviceFailure, naming the file and line, unless `code` is cudaSuccess.
inline void check(cudaError_t code, const char* file, int line) {
  if (code == cudaSuccess) return;
  throw DeviceFailure(std::string(file) + ":" + std::to_string(line) + ": " + cudaGetErrorName(code) + ": " +
                      cudaGetErrorString(code));
}

/// The one form of item vectors that the CUDA kernels read. DeviceFailure for any other.
inline MatrixView<const float> dense_float32(const ItemVectors& vectors) {
  if (vectors.dtype != DType::kFloat32)
    throw DeviceFailure(std::string("the CUDA kernels read float32 items, not ") + name_of(vectors.dtype) +
                        ": convert them, or choose the CPU");
  if (vectors.stride() != vectors.n_cols)
    throw DeviceFailure("the CUDA kernels read dense items, and these have a row stride of " +
                        std::to_string(vectors.stride()) + " for " + std::to_string(vectors.n_cols) +
                        " dimensions: copy them together, or choose the CPU");
  return {static_cast<const float*>(vectors.data), vectors.n_rows, vectors.n_cols};
}

}  // namespace segue::kernels::cuda

#define SEGUE_CUDA_CHECK(expression) ::segue::kernels::cuda::check((expression), __FILE__, __LINE__)
