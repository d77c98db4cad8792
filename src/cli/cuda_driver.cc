#include "cli/cuda_driver.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <regex>

namespace segue::cli {
namespace {

std::string loaded_version() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::getline(file, line);
  std::smatch found;
  return std::regex_search(line, found, std::regex(R"(\b(\d{3}\.\d+(\.\d+)?)\b)")) ? found[1].str() : std::string();
}

template <class Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

}  // namespace

CudaDriver cuda_driver() {
  CudaDriver driver;
  driver.version = loaded_version();
  // Never closed: the driver does not come up a second time in one process.
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  const std::string remedy =
      " (CUDA " + std::string(kCudaVersion) + " needs NVIDIA's driver " + std::to_string(kLeastDriver) + " or newer)";
  if (library == nullptr) {
    driver.problem = "no NVIDIA driver: libcuda.so.1 is not there" + remedy;
    return driver;
  }
  const auto get_version = symbol<int(int*)>(library, "cuDriverGetVersion");
  const auto init = symbol<int(unsigned)>(library, "cuInit");
  const auto get_count = symbol<int(int*)>(library, "cuDeviceGetCount");
  const auto get = symbol<int(int*, int)>(library, "cuDeviceGet");
  const auto get_name = symbol<int(char*, int, int)>(library, "cuDeviceGetName");
  const auto get_attribute = symbol<int(int*, int, int)>(library, "cuDeviceGetAttribute");
  const auto total_memory = symbol<int(std::size_t*, int)>(library, "cuDeviceTotalMem_v2");
  if (!get_version || !init || !get_count || !get || !get_name || !get_attribute || !total_memory) {
    driver.problem = "libcuda.so.1 is no driver library" + remedy;
    return driver;
  }
  get_version(&driver.cuda_version);
  if (const int error = init(0); error != 0) {
    driver.problem =
        "the NVIDIA driver does not start: CUDA error " + std::to_string(error) + (error == 100 ? ", no device" : "");
    return driver;
  }
  int n_devices = 0;
  get_count(&n_devices);
  for (int i = 0; i < n_devices; ++i) {
    int handle = 0;
    std::array<char, 128> name{};
    std::size_t bytes = 0;
    CudaDevice device;
    if (get(&handle, i) != 0 || get_name(name.data(), static_cast<int>(name.size()), handle) != 0) continue;
    get_attribute(&device.major, 75, handle);  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
    get_attribute(&device.minor, 76, handle);
    total_memory(&bytes, handle);
    device.name = name.data();
    device.memory_bytes = static_cast<std::int64_t>(bytes);
    driver.devices.push_back(device);
  }
  if (driver.devices.empty())
    driver.problem = "the NVIDIA driver knows no device";
  else if (driver.cuda_version < 13000) {
    driver.problem = "the NVIDIA driver " + driver.version + " is too old" + remedy;
  }
  return driver;
}

}  // namespace segue::cli
