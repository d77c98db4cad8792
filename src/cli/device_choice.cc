#include "cli/device_choice.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "support/errors.h"
#include "support/progress.h"

namespace segue::cli {
namespace {

/// The N of cuda:N; 0 of auto and cuda; nothing of other words.
std::optional<int> index_of(const std::string& wanted) {
  if (wanted == "auto" || wanted == "cuda") return 0;
  int index = 0;
  const char* const end = wanted.data() + wanted.size();
  const char* const begin = wanted.data() + std::min<std::size_t>(5, wanted.size());
  if (wanted.starts_with("cuda:") && begin != end) {
    const auto [read_to, error] = std::from_chars(begin, end, index);
    if (error == std::errc() && read_to == end && *begin != '-') return index;
  }
  return std::nullopt;
}

std::string describe(const DeviceFacts& facts) {
  std::string text;
  for (int i = 0; i < facts.n_usable; ++i) {
    text += (i == 0 ? "" : ", ") + std::string("cuda:") + std::to_string(i);
    if (i >= static_cast<int>(facts.driver.devices.size())) continue;
    const CudaDevice& device = facts.driver.devices[static_cast<std::size_t>(i)];
    text += " (" + device.name + ", " + human_bytes(static_cast<double>(device.memory_bytes)) + ")";
  }
  return text;
}

/// Why a GPU cannot be had; empty if it can.
std::string problem_with(int index, const DeviceFacts& facts) {
  if (const std::string problem = problem_of(facts.driver); !problem.empty()) return problem;
  const auto& devices = facts.driver.devices;
  if (facts.n_usable == 0 && !facts.build_has_cuda)
    return "this build has no CUDA part (configured with SEGUE_CUDA=OFF, or without the CUDA headers), though the "
           "driver shows " +
           devices.front().name;
  if (facts.n_usable == 0) return "CUDA's run-time can use no device, though the driver shows " + devices.front().name;
  if (index >= facts.n_usable)
    return "there is no such device; this machine has " + std::to_string(facts.n_usable) + ": " + describe(facts);
  if (index < static_cast<int>(devices.size())) {
    const CudaDevice& device = devices[static_cast<std::size_t>(index)];
    if (device.major * 10 + device.minor < kLeastCapability)
      return device.name + " is too old: its compute capability is " + std::to_string(device.major) + "." +
             std::to_string(device.minor) + ", and CUDA " + kCudaVersion + " serves " +
             std::to_string(kLeastCapability / 10) + "." + std::to_string(kLeastCapability % 10) + " and newer";
  }
  return facts.open_cuda_half();
}

}  // namespace

bool is_device_name(const std::string& word) { return word == "cpu" || index_of(word).has_value(); }

DeviceChoice choose_device(const std::string& wanted, const DeviceFacts& facts) {
  if (wanted == "cpu") return {-1, "asked for"};
  const std::optional<int> named = index_of(wanted);
  if (!named) throw ConfigError("device: '" + wanted + "' is none of auto, cpu, cuda, cuda:0, cuda:1, ...");
  const int index = *named;
  const std::string problem = problem_with(index, facts);
  if (problem.empty() && wanted == "auto")
    return {index, facts.n_usable == 1 ? "the GPU of this machine"
                                       : "the first of " + std::to_string(facts.n_usable) + " GPUs"};
  if (problem.empty()) return {index, "asked for"};
  if (wanted == "auto") return {-1, "no GPU: " + problem};
  throw DeviceError("device " + wanted + ": " + problem + ". device=cpu does without; segue doctor shows more");
}

}  // namespace segue::cli
