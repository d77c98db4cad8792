#include "cli/device.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include "cli/device_choice.h"
#include "cuda_plugin/cuda_half.h"
#include "support/errors.h"
#include "support/progress.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

// Beside tensors a CUDA process holds handles, workspaces (cuBLAS takes 32 MiB on a large GPU) and what LibTorch's
// allocator rounds up.
constexpr std::int64_t kReservedBytes = std::int64_t{128} << 20;

std::string cpu_text(int n_threads) {
  return "cpu, " + std::to_string(n_threads) + (n_threads == 1 ? " thread" : " threads");
}

std::string bytes_text(std::int64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

/// The CPU in place of a device that is too small, or the error.
ChosenDevice too_small(const ChosenDevice& device, const std::string& problem) {
  if (!device.may_fall_back)
    throw DeviceError(problem +
                      ". See what else holds its memory (nvidia-smi), take another device (device=cuda:1), a smaller "
                      "model (model.embedding_dim), or device=cpu");
  ChosenDevice cpu;
  cpu.n_threads = device.n_threads;
  cpu.description = cpu_text(device.n_threads);
  log_warning("computing on " + cpu.description + " instead: " + problem);
  return cpu;
}

}  // namespace

ChosenDevice set_up_device(const std::string& device, int threads) {
  ChosenDevice chosen;
  chosen.n_threads = threads > 0 ? threads : available_threads();
  at::set_num_threads(chosen.n_threads);
  chosen.description = cpu_text(chosen.n_threads);
  DeviceFacts facts{.build_has_cuda = cuda_plugin::is_built(), .driver = {}, .open_cuda_half = &cuda_plugin::open};
  if (device != "cpu") {
    facts.driver = cuda_driver();
    facts.n_usable = kernels::cuda_device_count();
  }
  const auto [index, reason] = choose_device(device, facts);
  if (index >= 0) {
    chosen.torch_device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
    chosen.description = "cuda:" + std::to_string(index) + " (" + cuda_plugin::device_name(index) + ")";
    chosen.may_fall_back = device == "auto";
    chosen.free_bytes = [index = index] { return cuda_plugin::memory(index).free_bytes; };
  }
  log_info("computing on " + chosen.description + "; " + reason);
  return chosen;
}

ChosenDevice set_up_device(const Configuration& configuration) {
  return set_up_device(configuration.device, configuration.threads);
}

ChosenDevice place_model(models::Model& model, const ChosenDevice& device, std::int64_t needed_bytes,
                         const std::string& purpose) {
  if (device.torch_device.is_cpu()) return device;
  const std::string needs = purpose + " needs " + bytes_text(needed_bytes + kReservedBytes) + " on " +
                            device.description + " before the first batch";
  if (device.free_bytes) {
    const std::int64_t free = device.free_bytes();
    if (needed_bytes + kReservedBytes > free)
      return too_small(device, needs + ", and " + bytes_text(free) + " are free");
  }
  try {
    model.to(device.torch_device);
  } catch (const c10::OutOfMemoryError& error) {
    model.to(at::kCPU);
    return too_small(device, needs + ", which is more than it has: " + error.what_without_backtrace());
  }
  return device;
}

}  // namespace segue::cli
