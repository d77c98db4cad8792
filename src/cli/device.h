#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>

#include "cli/configuration.h"
#include "kernels/device.h"
#include "models/model.h"

namespace segue::cli {

/// Where a command computes.
struct ChosenDevice {
  at::Device torch_device = at::kCPU;
  int n_threads = 1;                         ///< of the CPU; also what LibTorch was set to
  std::string description;                   ///< "cpu, 2 threads" or "cuda:0 (NVIDIA H200)"
  bool may_fall_back = false;                ///< the CPU will do where the device does not: device is auto
  std::function<std::int64_t()> free_bytes;  ///< of the device's memory, now; empty: not known
};

/// Chooses the device from its name (auto | cpu | cuda | cuda:N), sets LibTorch's threads, and opens LibTorch's CUDA
/// half if a GPU was asked for and is there. Says in the log which one it is and why.
/// @param threads  0: all that are available
/// @throws DeviceError  a GPU was asked for by name and cannot be had (device_choice.h)
ChosenDevice set_up_device(const std::string& device, int threads);
ChosenDevice set_up_device(const Configuration& configuration);

/// Moves a model to the device, where its memory holds the model and what goes with it.
/// @param needed_bytes  what lies there throughout, the model included; batches come on top
/// @param purpose       "training", for the message
/// @return  where the model is: the device, or the CPU if may_fall_back and it does not fit (the log says so)
/// @throws DeviceError  it does not fit: bytes needed and free, and what helps
ChosenDevice place_model(models::Model& model, const ChosenDevice& device, std::int64_t needed_bytes,
                         const std::string& purpose);

}  // namespace segue::cli
