#include "cuda_plugin/cuda_half.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>

#include "cuda_plugin/plugin.h"
#include "support/errors.h"

namespace segue::cuda_plugin {
namespace {

void* library = nullptr;

std::string open_once() {
  if (!is_built()) return "this build has no CUDA part (configured with SEGUE_CUDA=OFF, or without the CUDA headers)";
  std::error_code ignored;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  std::string cause = "libsegue_cuda.so is neither beside the program nor in ../lib";
  for (const auto& path : {folder / "libsegue_cuda.so", folder / ".." / "lib" / "libsegue_cuda.so"}) {
    if (!std::filesystem::exists(path)) continue;
    // Global, so that what LibTorch opens later (cuDNN's parts) finds the symbols.
    library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library != nullptr) break;
    cause = ::dlerror();
  }
  if (library == nullptr) {
    return "LibTorch's CUDA half does not open: " + cause +
           " (tools/setup on a machine with a GPU installs the full set of wheels)";
  }
  std::array<char, 1024> message{};
  auto* start = reinterpret_cast<SegueCudaOpen*>(::dlsym(library, "segue_cuda_open"));
  if (start == nullptr) return "libsegue_cuda.so is of another build";
  if (start(message.data(), message.size()) != 0)
    return std::string("LibTorch's CUDA half does not start: ") + message.data();
  return {};
}

template <class Function, class... Arguments>
void call(const char* name, Arguments... arguments) {
  std::array<char, 1024> message{};
  auto* function = library == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(library, name));
  if (function == nullptr) throw DeviceError("LibTorch's CUDA half is not open");
  if (function(arguments..., message.data(), message.size()) != 0)
    throw DeviceError(std::string("CUDA: ") + message.data());
}

}  // namespace

bool is_built() {
#ifdef SEGUE_CUDA_PLUGIN
  return true;
#else
  return false;
#endif
}

std::string open() {
  static const std::string problem = open_once();
  return problem;
}

std::string device_name(int device) {
  std::array<char, 1024> name{};
  call<SegueCudaDeviceName>("segue_cuda_device_name", device, name.data());
  return name.data();
}

void synchronize(int device) { call<SegueCudaSynchronize>("segue_cuda_synchronize", device); }

Memory memory(int device) {
  std::array<std::int64_t, 3> figures{};
  call<SegueCudaMemory>("segue_cuda_memory", device, figures.data());
  return {figures[0], figures[1], figures[2]};
}

}  // namespace segue::cuda_plugin
