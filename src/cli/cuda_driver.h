#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace segue::cli {

inline constexpr int kLeastDriver = 580;             ///< the first driver branch that serves CUDA 13
inline constexpr const char* kCudaVersion = "13.0";  ///< of the kernels in this program and of its LibTorch

struct CudaDevice {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  std::int64_t memory_bytes = 0;
};

/// What NVIDIA's driver says of itself, asked without any CUDA library of ours.
struct CudaDriver {
  std::string version;   ///< "580.95.05"; empty: none is loaded
  int cuda_version = 0;  ///< newest CUDA it serves, 13000 for 13.0; 0: unknown
  std::vector<CudaDevice> devices;
  std::string problem;  ///< why no device can be used; empty if one can
};

CudaDriver cuda_driver();

}  // namespace segue::cli
