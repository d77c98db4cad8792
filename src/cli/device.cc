#include "cli/device.h"

#include <ATen/Parallel.h>

#include "cli/cuda_driver.h"
#include "cuda_plugin/cuda_half.h"
#include "support/errors.h"
#include "support/progress.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

/// Opens device `index`; returns why it cannot be had, or an empty text.
std::string open_cuda(int index, ChosenDevice& chosen) {
  const int n_devices = kernels::cuda_device_count();
  if (n_devices == 0) {
    const CudaDriver driver = cuda_driver();
    if (!driver.problem.empty()) return driver.problem;
    return "this build has no CUDA kernels (SEGUE_CUDA=OFF), though the driver shows " + driver.devices.front().name;
  }
  if (index >= n_devices)
    return "there is no device " + std::to_string(index) + "; this machine has " + std::to_string(n_devices);
  if (const std::string problem = cuda_plugin::open(); !problem.empty()) return problem;
  chosen.torch_device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  chosen.description = "cuda:" + std::to_string(index) + " (" + cuda_plugin::device_name(index) + ")";
  return {};
}

}  // namespace

ChosenDevice set_up_device(const std::string& device, int threads) {
  ChosenDevice chosen;
  chosen.n_threads = threads > 0 ? threads : available_threads();
  at::set_num_threads(chosen.n_threads);
  chosen.description = "cpu, " + std::to_string(chosen.n_threads) + (chosen.n_threads == 1 ? " thread" : " threads");
  if (device == "cpu") return chosen;
  if (device != "auto" && device != "cuda" && !device.starts_with("cuda:")) {
    throw ConfigError("device: '" + device + "' is none of auto, cpu, cuda, cuda:0, cuda:1, ...");
  }
  const int index = device.starts_with("cuda:") ? std::stoi(device.substr(5)) : 0;
  const std::string problem = open_cuda(index, chosen);
  if (problem.empty()) {
    log_info("computing on " + chosen.description);
  } else if (device == "auto") {
    log_info("computing on the CPU (" + std::to_string(chosen.n_threads) + " threads); no GPU: " + problem);
  } else {
    throw DeviceError("device " + device + ": " + problem + ". device=cpu does without; segue doctor shows more");
  }
  return chosen;
}

ChosenDevice set_up_device(const Configuration& configuration) {
  return set_up_device(configuration.device, configuration.threads);
}

}  // namespace segue::cli
