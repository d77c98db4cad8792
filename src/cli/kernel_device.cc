#include "cli/kernel_device.h"

#include <algorithm>

#include "support/errors.h"

namespace segue::cli {
namespace {

constexpr const char* kPrefix = "cuda:";
constexpr std::size_t kMostDigits = 4;

}  // namespace

bool is_kernel_device(const std::string& name) {
  if (name == "cpu" || name == "cuda") return true;
  if (!name.starts_with(kPrefix)) return false;
  const std::string number = name.substr(std::string(kPrefix).size());
  return !number.empty() && number.size() <= kMostDigits &&
         std::all_of(number.begin(), number.end(), [](char digit) { return digit >= '0' && digit <= '9'; });
}

kernels::Device kernel_device(const std::string& name, int n_threads) {
  kernels::Device device;
  device.n_threads = n_threads;
  if (name == "cpu") return device;
  const int n_devices = kernels::cuda_device_count();
  if (n_devices == 0)
    throw DeviceError("no CUDA device can be used: segue doctor says what is missing; cpu searches too");
  device.kind = kernels::Device::Kind::kCuda;
  if (name != "cuda") device.index = std::stoi(name.substr(std::string(kPrefix).size()));
  if (device.index >= n_devices)
    throw DeviceError("there is no " + name + "; this machine has " + std::to_string(n_devices) +
                      (n_devices == 1 ? " device, cuda:0" : " devices, cuda:0 and on"));
  return device;
}

}  // namespace segue::cli
