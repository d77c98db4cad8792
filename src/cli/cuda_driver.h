#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace segue::cli {

inline constexpr int kLeastDriver = 580;             ///< the first driver branch that serves CUDA 13
inline constexpr const char* kCudaVersion = "13.0";  ///< of the kernels in this program and of its LibTorch
inline constexpr int kLeastCudaVersion = 13000;      ///< the same, as the driver counts
inline constexpr int kLeastCapability = 75;          ///< major * 10 + minor of the oldest GPUs that CUDA 13 serves

struct CudaDevice {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  std::int64_t memory_bytes = 0;
};

/// What NVIDIA's driver says of itself, asked without any CUDA library of ours.
struct CudaDriver {
  enum class State { kMissing, kNoDriverLibrary, kDoesNotStart, kStarts };
  State state = State::kMissing;
  int error = 0;         ///< of CUDA, where it does not start
  std::string version;   ///< "580.95.05"; empty: none is loaded
  int cuda_version = 0;  ///< newest CUDA it serves, 13000 for 13.0; 0: unknown
  std::vector<CudaDevice> devices;
};

CudaDriver cuda_driver();

/// Why no device can be used by such a driver, with the version found and the one needed; empty if one can.
std::string problem_of(const CudaDriver& driver);

}  // namespace segue::cli
