#pragma once

#include <ATen/ATen.h>

#include <string>

#include "cli/configuration.h"
#include "kernels/device.h"

namespace segue::cli {

/// Where a command computes.
struct ChosenDevice {
  at::Device torch_device = at::kCPU;
  int n_threads = 1;        ///< of the CPU; also what LibTorch was set to
  std::string description;  ///< "cpu, 2 threads" or "cuda:0 (NVIDIA H200)"
};

/// Chooses the device from its name (auto | cpu | cuda | cuda:N), sets LibTorch's threads, and opens LibTorch's CUDA
/// half if a GPU was asked for and is there. `auto` falls back to the CPU and says why in the log.
/// @param threads  0: all that are available
/// @throws DeviceError  a GPU was asked for by name: what is missing, and the least driver
ChosenDevice set_up_device(const std::string& device, int threads);
ChosenDevice set_up_device(const Configuration& configuration);

}  // namespace segue::cli
