#pragma once

#include <cstddef>

namespace segue::kernels {

// Memory of the CUDA device in use, for callers without a tensor library. DeviceFailure on any error.

/// Makes a device the one in use by this thread.
void use_device(int index);

struct DeviceMemory {
  std::size_t free = 0, total = 0;
};
DeviceMemory device_memory();

/// The failure says how many bytes were asked for, and how many are free.
void* allocate_on_device(std::size_t n_bytes);
void free_on_device(void* memory);
void copy_to_device(void* to, const void* from, std::size_t n_bytes);
void copy_from_device(void* to, const void* from, std::size_t n_bytes);  ///< waits for work that is under way
void wait_for_device();

}  // namespace segue::kernels
