#pragma once

#include <string>

#include "kernels/device.h"

namespace segue::cli {

/// Where our own kernels search: as choose_device() says, without LibTorch's CUDA half.
/// @throws ConfigError, DeviceError  as choose_device
kernels::Device kernel_device(const std::string& name, int n_threads);

}  // namespace segue::cli
