#pragma once

#include <string>

#include "kernels/device.h"

namespace segue::cli {

/// What names a device of the kernels: "cpu", "cuda" (the first) or "cuda:N".
bool is_kernel_device(const std::string& name);

/// Where the kernels search.
/// @throws DeviceError  no such device: what is there, and how to do without
kernels::Device kernel_device(const std::string& name, int n_threads);

}  // namespace segue::cli
