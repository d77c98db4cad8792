#include <cstdio>

#include "cli/command.h"
#include "cli/cuda_driver.h"
#include "cli/environment.h"
#include "cuda_plugin/cuda_half.h"
#include "kernels/device.h"
#include "support/progress.h"

namespace segue::cli {
namespace {

Json cuda_state() {
  const CudaDriver driver = cuda_driver();
  Json devices = Json::array();
  for (const CudaDevice& device : driver.devices) {
    devices.push_back(device.name + ", compute capability " + std::to_string(device.major) + "." +
                      std::to_string(device.minor) + ", " + human_bytes(static_cast<double>(device.memory_bytes)));
  }
  Json state = {{"in this build", kernels::cuda_device_count() > 0 || cuda_plugin::is_built() ? kCudaVersion : "no"},
                {"driver", driver.version.empty() ? (driver.cuda_version > 0 ? "loaded" : "none") : driver.version},
                {"least driver", std::to_string(kLeastDriver) + " (for CUDA " + kCudaVersion + ")"},
                {"devices", devices},
                {"devices usable", kernels::cuda_device_count()}};
  std::string problem = problem_of(driver);
  if (problem.empty()) problem = cuda_plugin::open();
  state["LibTorch's CUDA half"] = problem.empty() ? "opens" : "not opened: " + problem;
  return state;
}

}  // namespace

void add_doctor(CLI::App& app, GlobalOptions& global) {
  auto* command = app.add_subcommand("doctor", "What this program is made of, and what this machine offers it");
  command->callback([&global] {
    Json result = {{"versions", versions()}, {"machine", machine()}, {"cuda", cuda_state()}};
    if (!global.json) {
      Json& memory = result["machine"]["memory_bytes"];
      result["machine"]["memory"] = human_bytes(memory.get<double>());
      result["machine"].erase("memory_bytes");
    }
    print_result(global, result);
  });
}

}  // namespace segue::cli
