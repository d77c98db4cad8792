// Registration of what nvcc compiled, and launches.

#include <vector_types.h>

#include <algorithm>

#include "tests/ptx/fat_binary.h"
#include "tests/ptx/launch_checks.h"
#include "tests/ptx/runtime.h"
#include "tests/ptx/scheduler.h"

namespace segue::ptx {
namespace {

struct Configuration {
  dim3 grid, block;
  std::size_t shared_bytes;
  cudaStream_t stream;
};
thread_local std::vector<Configuration> configurations;

/// The kernel that host code names; nullptr with the error set if it cannot be used.
const Kernel* kernel_of(RegisteredKernel& registered, cudaError_t* error) {
  Machine& all = machine();
  const std::size_t n_faults = all.faults.size();
  try {
    return &registered.module->kernel(registered.name, all.current_device);
  } catch (const std::exception& why) {
    add_fault(FaultKind::kInvalidPtx, registered.name, why.what());
    *error = error_of(all.faults, n_faults);
    return nullptr;
  }
}

std::size_t most_dynamic(const RegisteredKernel& registered, const Kernel& kernel, int device) {
  const auto set = registered.most_dynamic_shared.find(device);
  if (set != registered.most_dynamic_shared.end()) return set->second;
  const std::size_t usual = limits_of(machine().options.compute_capability).shared_per_block;
  return usual - std::min(usual, kernel.static_shared_bytes);
}

cudaError_t launch(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared_bytes,
                   cudaStream_t stream_handle) {
  Machine& all = machine();
  ++all.runtime_counters.n_launches;
  const auto found = runtime().kernels.find(function);
  if (found == runtime().kernels.end()) return cudaErrorInvalidDeviceFunction;
  const int device = all.current_device;
  StreamQueues::Stream* stream = streams().find(stream_handle, device);
  if (stream == nullptr || stream->device != device) return cudaErrorInvalidResourceHandle;
  cudaError_t error = cudaSuccess;
  const Kernel* kernel = kernel_of(found->second, &error);
  if (kernel == nullptr) return error;
  const Dim3 grid3{grid.x, grid.y, grid.z}, block3{block.x, block.y, block.z};
  if (!refusal(*kernel, grid3, block3, shared_bytes, most_dynamic(found->second, *kernel, device)).empty())
    return block3.count() == 0 || block3.count() > 1024 || grid3.count() == 0 || grid3.y > 65535 || grid3.z > 65535
               ? cudaErrorInvalidConfiguration
               : cudaErrorInvalidValue;
  streams().add(*stream, [=, parameters = packed_parameters(*kernel, arguments)] {
    if (runtime().sticky != cudaSuccess) return;
    const std::size_t n_faults = machine().faults.size();
    if (!run(*kernel, device, grid3, block3, parameters, shared_bytes))
      runtime().sticky = error_of(machine().faults, n_faults);
  });
  return cudaSuccess;
}

}  // namespace
}  // namespace segue::ptx

using namespace segue::ptx;

extern "C" {

void** __cudaRegisterFatBinary(void* wrapper) {
  const Call call;
  auto module = std::make_unique<Module>(std::vector<std::string>{""});
  try {
    module = std::make_unique<Module>(ptx_of_fat_binary(wrapper));
  } catch (const std::exception& why) {
    std::fprintf(stderr, "software device: %s\n", why.what());
    runtime().broken_modules[wrapper] = why.what();
  }
  machine().modules.push_back(std::move(module));
  return reinterpret_cast<void**>(machine().modules.back().get());
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }

void __cudaRegisterFunction(void** module, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  const Call call;
  runtime().kernels[host] = {reinterpret_cast<Module*>(module), name, {}};
}

void __cudaRegisterVar(void** module, char* host, char*, const char* name, int, size_t size, int, int) {
  const Call call;
  runtime().variables[host] = {reinterpret_cast<Module*>(module), name, size};
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, CUstream_st* stream) {
  configurations.push_back({grid, block, shared_bytes, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes, void* stream) {
  if (configurations.empty()) return cudaErrorMissingConfiguration;
  const Configuration configuration = configurations.back();
  configurations.pop_back();
  *grid = configuration.grid;
  *block = configuration.block;
  *shared_bytes = configuration.shared_bytes;
  *static_cast<cudaStream_t*>(stream) = configuration.stream;
  return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                             cudaStream_t stream) {
  const Call call;
  return call.result(launch(function, grid, block, arguments, shared_bytes, stream));
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                               cudaStream_t stream) {
  return cudaLaunchKernel(static_cast<const void*>(kernel), grid, block, arguments, shared_bytes, stream);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function, void** arguments) {
  const Call call;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config->attrs[i];
    const auto& cluster = attribute.val.clusterDim;
    if (attribute.id == cudaLaunchAttributeClusterDimension && cluster.x * cluster.y * cluster.z > 1)
      return call.result(cudaErrorNotSupported);
  }
  return call.result(
      launch(function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes, config->stream));
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  const Call call;
  const auto found = runtime().kernels.find(function);
  if (found == runtime().kernels.end()) return call.result(cudaErrorInvalidDeviceFunction);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return call.result(cudaSuccess);
  cudaError_t error = cudaSuccess;
  const Kernel* kernel = kernel_of(found->second, &error);
  if (kernel == nullptr) return call.result(error);
  const std::size_t most = limits_of(machine().options.compute_capability).shared_per_block_opt_in;
  if (value < 0 || static_cast<std::size_t>(value) + kernel->static_shared_bytes > most)
    return call.result(cudaErrorInvalidValue);
  found->second.most_dynamic_shared[machine().current_device] = static_cast<std::size_t>(value);
  return call.result(cudaSuccess);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  const Call call;
  const auto found = runtime().kernels.find(function);
  if (found == runtime().kernels.end()) return call.result(cudaErrorInvalidDeviceFunction);
  cudaError_t error = cudaSuccess;
  const Kernel* kernel = kernel_of(found->second, &error);
  if (kernel == nullptr) return call.result(error);
  *attributes = {};
  attributes->sharedSizeBytes = kernel->static_shared_bytes;
  attributes->localSizeBytes = kernel->local_bytes;
  attributes->maxThreadsPerBlock = kernel->max_threads != 0 ? static_cast<int>(kernel->max_threads) : 1024;
  attributes->numRegs = 32;  // PTX does not say: ptxas decides
  attributes->ptxVersion = attributes->binaryVersion = machine().options.compute_capability;
  attributes->maxDynamicSharedSizeBytes =
      static_cast<int>(most_dynamic(found->second, *kernel, machine().current_device));
  return call.result(cudaSuccess);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n_blocks, const void* function, int block_size,
                                                                   size_t dynamic_shared_bytes, unsigned) {
  const Call call;
  const auto found = runtime().kernels.find(function);
  if (found == runtime().kernels.end()) return call.result(cudaErrorInvalidDeviceFunction);
  cudaError_t error = cudaSuccess;
  const Kernel* kernel = kernel_of(found->second, &error);
  if (kernel == nullptr) return call.result(error);
  if (block_size <= 0) return call.result(cudaErrorInvalidValue);
  const Limits limits = limits_of(machine().options.compute_capability);
  const int by_threads = limits.threads_per_sm / ((block_size + 31) / 32 * 32);
  const auto by_shared =
      static_cast<int>(limits.shared_per_sm / (kernel->static_shared_bytes + dynamic_shared_bytes + 1024));
  const bool is_refused =
      block_size > 1024 || dynamic_shared_bytes > most_dynamic(found->second, *kernel, machine().current_device);
  *n_blocks = is_refused ? 0 : std::min({by_threads, by_shared, limits.blocks_per_sm});
  return call.result(cudaSuccess);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* n_blocks, const void* function, int block_size,
                                                          size_t dynamic_shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n_blocks, function, block_size, dynamic_shared_bytes,
                                                                0);
}

}  // extern "C"
