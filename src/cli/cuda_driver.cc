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

/// "12.4" of 12040.
std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// The errors of cuInit() that users meet.
std::string meaning_of(int error) {
  switch (error) {
    case 3: return " (it cannot initialise)";
    case 100: return " (no device; CUDA_VISIBLE_DEVICES may hide it)";
    case 802: return " (the system is not ready: is nvidia-fabricmanager running?)";
    case 803: return " (its library and its kernel module are of different versions: restart the machine)";
    case 804: return " (forward compatibility is not for this GPU)";
    default: return "";
  }
}

}  // namespace

CudaDriver cuda_driver() {
  CudaDriver driver;
  driver.version = loaded_version();
  // Never closed: the driver does not come up a second time in one process.
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return driver;
  const auto get_version = symbol<int(int*)>(library, "cuDriverGetVersion");
  const auto init = symbol<int(unsigned)>(library, "cuInit");
  const auto get_count = symbol<int(int*)>(library, "cuDeviceGetCount");
  const auto get = symbol<int(int*, int)>(library, "cuDeviceGet");
  const auto get_name = symbol<int(char*, int, int)>(library, "cuDeviceGetName");
  const auto get_attribute = symbol<int(int*, int, int)>(library, "cuDeviceGetAttribute");
  const auto total_memory = symbol<int(std::size_t*, int)>(library, "cuDeviceTotalMem_v2");
  driver.state = CudaDriver::State::kNoDriverLibrary;
  if (!get_version || !init || !get_count || !get || !get_name || !get_attribute || !total_memory) return driver;
  get_version(&driver.cuda_version);
  driver.state = CudaDriver::State::kDoesNotStart;
  driver.error = init(0);
  if (driver.error != 0) return driver;
  driver.state = CudaDriver::State::kStarts;
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
  return driver;
}

std::string problem_of(const CudaDriver& driver) {
  const std::string remedy =
      " (CUDA " + std::string(kCudaVersion) + " needs NVIDIA's driver " + std::to_string(kLeastDriver) + " or newer)";
  switch (driver.state) {
    case CudaDriver::State::kMissing: return "no NVIDIA driver: libcuda.so.1 is not there" + remedy;
    case CudaDriver::State::kNoDriverLibrary: return "libcuda.so.1 is no driver library" + remedy;
    case CudaDriver::State::kDoesNotStart:
      return "the NVIDIA driver " + driver.version + (driver.version.empty() ? "" : " ") +
             "does not start: CUDA error " + std::to_string(driver.error) + meaning_of(driver.error);
    case CudaDriver::State::kStarts: break;
  }
  if (driver.devices.empty()) return "the NVIDIA driver knows no device";
  if (driver.cuda_version >= kLeastCudaVersion) return {};
  return "the NVIDIA driver " + driver.version + (driver.version.empty() ? "" : " ") +
         "is too old: it serves CUDA up to " + cuda_version_text(driver.cuda_version) + remedy;
}

}  // namespace segue::cli
