#pragma once

#include <cstddef>

namespace segue::kernels {

// Memory of the CUDA device in use, for callers without a tensor library (tests, benchmarks). DeviceFailure on any
// error.

void* allocate_on_device(std::size_t n_bytes);
void free_on_device(void* memory);
void copy_to_device(void* to, const void* from, std::size_t n_bytes);
void copy_from_device(void* to, const void* from, std::size_t n_bytes);  ///< waits for work that is under way
void wait_for_device();

}  // namespace segue::kernels
