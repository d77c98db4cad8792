#pragma once

#include <functional>
#include <string>

#include "cli/cuda_driver.h"

namespace segue::cli {

/// What decides on a device, of this build and this machine. Tests make it up.
struct DeviceFacts {
  bool build_has_cuda = false;
  CudaDriver driver;
  int n_usable = 0;  ///< devices that CUDA's run-time can use
  /// Opens LibTorch's CUDA half; why it cannot be opened and the remedy, or an empty text. Asked where all else is
  /// well.
  std::function<std::string()> open_cuda_half;
};

struct DeviceChoice {
  int cuda_index = -1;  ///< -1: the CPU
  std::string reason;   ///< "asked for", "the first of 2 GPUs", or why there is no GPU
};

/// Whether a word is auto, cpu, cuda or cuda:N.
bool is_device_name(const std::string& word);

/// The device that `wanted` (auto | cpu | cuda | cuda:N) means here. `auto` is the first GPU where one can be used,
/// else the CPU; `cuda` is cuda:0.
/// @throws ConfigError  another word
/// @throws DeviceError  a GPU was asked for and cannot be had: no driver or too old a one (the version found and that
///                      needed), a number beyond the last (the devices there are), a GPU too old, a build without CUDA,
///                      LibTorch without its CUDA half
DeviceChoice choose_device(const std::string& wanted, const DeviceFacts& facts);

}  // namespace segue::cli
