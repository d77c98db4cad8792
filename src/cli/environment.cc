#include "cli/environment.h"

#include <arrow/config.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "cli/cuda_driver.h"
#include "cuda_plugin/cuda_half.h"
#include "revision.h"
#include "support/threads.h"

namespace segue::cli {
namespace {

/// The value of the first "name : value" line of /proc/cpuinfo.
std::string processor_field(const std::string& name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon != std::string::npos && line.starts_with(name))
      return colon + 2 < line.size() ? line.substr(colon + 2) : "";
  }
  return {};
}

}  // namespace

std::string program_version() { return SEGUE_VERSION; }
std::string program_revision() { return SEGUE_REVISION; }

Json versions() {
  return {{"segue", program_version()},
          {"revision", program_revision()},
          {"libtorch", TORCH_VERSION},
          {"arrow", arrow::GetBuildInfo().version_string},
          {"compiler", SEGUE_COMPILER},
          {"build", SEGUE_BUILD_TYPE},
          {"cuda", cuda_plugin::is_built() ? kCudaVersion : "none"}};
}

Json machine() {
  Json sets = Json::array();
  std::istringstream flags(processor_field("flags"));
  for (std::string flag; flags >> flag;) {
    for (const char* known : {"avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni",
                              "avx512_bf16", "amx_bf16", "amx_int8"}) {
      if (flag == known) sets.push_back(flag);
    }
  }
  utsname system{};
  ::uname(&system);
  return {{"processor", processor_field("model name")},
          {"instruction_sets", sets},
          {"threads", available_threads()},
          {"memory_bytes", static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE)},
          {"system", std::string(system.sysname) + " " + system.release + " " + system.machine}};
}

}  // namespace segue::cli
