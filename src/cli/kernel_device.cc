#include "cli/kernel_device.h"

#include "cli/device_choice.h"
#include "cuda_plugin/cuda_half.h"

namespace segue::cli {

kernels::Device kernel_device(const std::string& name, int n_threads) {
  DeviceFacts facts{
      .build_has_cuda = cuda_plugin::is_built(), .driver = {}, .open_cuda_half = [] { return std::string(); }};
  if (name != "cpu") {
    facts.driver = cuda_driver();
    facts.n_usable = kernels::cuda_device_count();
  }
  const int index = choose_device(name, facts).cuda_index;
  kernels::Device device;
  device.n_threads = n_threads;
  if (index < 0) return device;
  device.kind = kernels::Device::Kind::kCuda;
  device.index = index;
  return device;
}

}  // namespace segue::cli
