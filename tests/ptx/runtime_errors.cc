#include "tests/ptx/runtime.h"
#include "tests/ptx/scheduler.h"

namespace segue::ptx {

Runtime& runtime() {
  static auto* const the_runtime = new Runtime;
  return *the_runtime;
}

void reset_runtime() {
  runtime().sticky = runtime().last_error = cudaSuccess;
  for (auto& [address, kernel] : runtime().kernels) kernel.most_dynamic_shared.clear();
}

cudaError_t error_of(const std::vector<Fault>& faults, std::size_t first) {
  for (std::size_t i = first; i < faults.size(); ++i) {
    switch (faults[i].kind) {
      case FaultKind::kRace: break;
      case FaultKind::kOutOfBounds:
      case FaultKind::kUseAfterFree: return cudaErrorIllegalAddress;
      case FaultKind::kMisaligned: return cudaErrorMisalignedAddress;
      case FaultKind::kAssertion: return cudaErrorAssert;
      case FaultKind::kInvalidPtx: return cudaErrorInvalidPtx;
      case FaultKind::kRunaway: return cudaErrorLaunchTimeout;
      default: return cudaErrorLaunchFailure;
    }
  }
  return cudaErrorLaunchFailure;
}

cudaError_t wait_until(const std::function<bool()>& is_done) {
  ++machine().runtime_counters.n_synchronisations;
  if (streams().drain_until(is_done)) return cudaSuccess;
  add_fault(FaultKind::kDeadlock, "", "the host waits for streams and events that wait for each other");
  return cudaErrorLaunchTimeout;
}

}  // namespace segue::ptx

using segue::ptx::Call;
using segue::ptx::runtime;

extern "C" {

cudaError_t cudaGetLastError() {
  const Call call;
  const cudaError_t error = runtime().last_error;
  runtime().last_error = cudaSuccess;
  return runtime().sticky != cudaSuccess ? runtime().sticky : error;
}

cudaError_t cudaPeekAtLastError() {
  const Call call;
  return runtime().sticky != cudaSuccess ? runtime().sticky : runtime().last_error;
}

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
#define SEGUE_PTX_ERROR(error, text) \
  { error, #error, text }
static constexpr ErrorText kErrors[] = {
    SEGUE_PTX_ERROR(cudaSuccess, "no error"),
    SEGUE_PTX_ERROR(cudaErrorInvalidValue, "invalid argument"),
    SEGUE_PTX_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    SEGUE_PTX_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    SEGUE_PTX_ERROR(cudaErrorInvalidSymbol, "invalid device symbol"),
    SEGUE_PTX_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    SEGUE_PTX_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    SEGUE_PTX_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    SEGUE_PTX_ERROR(cudaErrorNotReady, "device not ready"),
    SEGUE_PTX_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    SEGUE_PTX_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    SEGUE_PTX_ERROR(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    SEGUE_PTX_ERROR(cudaErrorAssert, "device-side assert triggered"),
    SEGUE_PTX_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    SEGUE_PTX_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    SEGUE_PTX_ERROR(cudaErrorInvalidPtx, "a PTX JIT compilation failed"),
    SEGUE_PTX_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    SEGUE_PTX_ERROR(cudaErrorNotSupported, "operation not supported")};
#undef SEGUE_PTX_ERROR

const char* cudaGetErrorName(cudaError_t error) {
  for (const ErrorText& each : kErrors)
    if (each.error == error) return each.name;
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  for (const ErrorText& each : kErrors)
    if (each.error == error) return each.text;
  return "unrecognized error code";
}

}  // extern "C"
