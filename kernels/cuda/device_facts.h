#pragma once

#include <cstddef>

namespace segue::kernels::cuda {

/// What a plan depends on besides shapes.
struct DeviceFacts {
  int n_processors = 0;
  std::size_t shared_bytes = 0;  ///< that a block may have
  bool wgmma = false;            ///< scan by Hopper's instructions
};

/// wgmma: on a device of compute capability 9.0, in a build for sm_90a, unless the environment has SEGUE_CUDA_WGMMA=0.
DeviceFacts facts_of_current_device();

}  // namespace segue::kernels::cuda
