// What devices there are, and what they are like.

#include <cstdio>

#include "tests/ptx/runtime.h"

using namespace segue::ptx;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  const Call call;
  *count = machine().options.n_devices;
  return call.result(cudaSuccess);
}

cudaError_t cudaSetDevice(int device) {
  const Call call;
  if (device < 0 || device >= machine().options.n_devices) return call.result(cudaErrorInvalidDevice);
  machine().current_device = device;
  return call.result(cudaSuccess);
}

cudaError_t cudaGetDevice(int* device) {
  const Call call;
  *device = machine().current_device;
  return call.result(cudaSuccess);
}

cudaError_t cudaDeviceReset() {
  const Call call;
  configure(Options(options()));
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  const Call call;
  if (device < 0 || device >= machine().options.n_devices) return call.result(cudaErrorInvalidDevice);
  const int capability = machine().options.compute_capability;
  const Limits limits = limits_of(capability);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY: *value = 1024; break;
    case cudaDevAttrMaxBlockDimZ: *value = 64; break;
    case cudaDevAttrMaxGridDimX: *value = 0x7FFFFFFF; break;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: *value = 65535; break;
    case cudaDevAttrWarpSize: *value = 32; break;
    case cudaDevAttrMultiProcessorCount: *value = machine().options.n_sms; break;
    case cudaDevAttrComputeCapabilityMajor: *value = capability / 10; break;
    case cudaDevAttrComputeCapabilityMinor: *value = capability % 10; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = static_cast<int>(limits.shared_per_block); break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(limits.shared_per_block_opt_in); break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = static_cast<int>(limits.shared_per_sm); break;
    case cudaDevAttrReservedSharedMemoryPerBlock: *value = 1024; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = limits.threads_per_sm; break;
    case cudaDevAttrMaxBlocksPerMultiprocessor: *value = limits.blocks_per_sm; break;
    case cudaDevAttrL2CacheSize: *value = 40 << 20; break;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor: *value = 65536; break;
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrCooperativeLaunch: *value = 1; break;
    case cudaDevAttrClockRate: *value = 1'000'000; break;
    case cudaDevAttrGlobalMemoryBusWidth: *value = 5120; break;
    case cudaDevAttrPageableMemoryAccess:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrIntegrated: *value = 0; break;
    default: return call.result(cudaErrorInvalidValue);
  }
  return call.result(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const Call call;
  if (device < 0 || device >= machine().options.n_devices) return call.result(cudaErrorInvalidDevice);
  const int capability = machine().options.compute_capability;
  const Limits limits = limits_of(capability);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "software device (sm_%d)", capability);
  properties->totalGlobalMem = machine().options.memory_bytes;
  properties->sharedMemPerBlock = limits.shared_per_block;
  properties->sharedMemPerBlockOptin = limits.shared_per_block_opt_in;
  properties->sharedMemPerMultiprocessor = limits.shared_per_sm;
  properties->regsPerBlock = properties->regsPerMultiprocessor = 65536;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsPerMultiProcessor = limits.threads_per_sm;
  properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
  properties->maxThreadsDim[2] = 64;
  properties->maxGridSize[0] = 0x7FFFFFFF;
  properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
  properties->major = capability / 10;
  properties->minor = capability % 10;
  properties->multiProcessorCount = machine().options.n_sms;
  properties->l2CacheSize = 40 << 20;
  properties->unifiedAddressing = 1;
  properties->concurrentKernels = 1;
  return call.result(cudaSuccess);
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total) {
  const Call call;
  const DevicePages& pages = machine().device(machine().current_device).pages;
  *total = pages.capacity_bytes();
  *free_bytes = pages.capacity_bytes() - pages.used_bytes();
  return call.result(cudaSuccess);
}

}  // extern "C"
