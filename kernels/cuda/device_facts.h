#pragma once

#include <cstddef>

namespace segue::kernels::cuda {

/// What a plan depends on besides shapes.
struct DeviceFacts {
  int n_processors = 0;
  std::size_t shared_bytes = 0;  ///< that a block may have
};

DeviceFacts facts_of_current_device();

}  // namespace segue::kernels::cuda
