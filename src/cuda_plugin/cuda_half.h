#pragma once

#include <cstdint>
#include <string>

namespace segue::cuda_plugin {

bool is_built();  ///< whether this build has libsegue_cuda.so

/// Opens libsegue_cuda.so (beside the program, or in ../lib) and with it LibTorch's CUDA half, once; about 0.4 s. Must
/// come before anything asks LibTorch about CUDA. Call it only where kernels::cuda_device_count() > 0.
/// @return empty, or why it cannot be opened and the remedy
std::string open();

// After open() returned empty. DeviceError when the device fails.
std::string device_name(int device);
void synchronize(int device);
struct Memory {
  std::int64_t free_bytes, total_bytes, peak_bytes;
};  ///< peak: the most that tensors held at once
Memory memory(int device);

}  // namespace segue::cuda_plugin
