// Streams and events.

#include <memory>

#include "tests/ptx/runtime.h"

struct CUevent_st {
  std::shared_ptr<bool> has_happened;  // null: never recorded, which counts as happened
  unsigned long long sequence = 0;
};

namespace segue::ptx {
namespace {

StreamQueues::Stream* find(cudaStream_t handle) { return streams().find(handle, machine().current_device); }

cudaError_t record(cudaEvent_t event, cudaStream_t handle) {
  StreamQueues::Stream* stream = find(handle);
  if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
  ++machine().runtime_counters.n_events;
  event->has_happened = std::make_shared<bool>(false);
  streams().add(*stream, [flag = event->has_happened, event] {
    *flag = true;
    if (event->has_happened == flag) event->sequence = machine().n_launches;
  });
  return cudaSuccess;
}

}  // namespace
}  // namespace segue::ptx

using namespace segue::ptx;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Call call;
  *stream =
      reinterpret_cast<cudaStream_t>(streams().create(machine().current_device, (flags & cudaStreamNonBlocking) == 0));
  return call.result(cudaSuccess);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  const Call call;
  StreamQueues::Stream* stream = find(handle);
  return call.result(stream != nullptr && streams().destroy(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  const Call call;
  const StreamQueues::Stream* stream = find(handle);
  if (stream == nullptr) return call.result(cudaErrorInvalidResourceHandle);
  return call.result(wait_until([&] { return stream->tasks.empty(); }));
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  const Call call;
  const StreamQueues::Stream* stream = find(handle);
  if (stream == nullptr) return call.result(cudaErrorInvalidResourceHandle);
  if (stream->tasks.empty()) return call.result(cudaSuccess);
  streams().run_one();  // a host that polls makes progress
  return call.result(cudaErrorNotReady);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
  const Call call;
  StreamQueues::Stream* stream = find(handle);
  if (stream == nullptr || event == nullptr) return call.result(cudaErrorInvalidResourceHandle);
  if (event->has_happened != nullptr)
    streams().add(
        *stream, [] {}, event->has_happened);
  return call.result(cudaSuccess);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const Call call;
  const int device = machine().current_device;
  ++machine().runtime_counters.n_synchronisations;
  return call.result(streams().drain_device(device) ? cudaSuccess : cudaErrorLaunchTimeout);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Call call;
  // A recording may still be under way and names the event.
  if (event->has_happened != nullptr) streams().drain_until([&] { return *event->has_happened; });
  delete event;
  return call.result(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Call call;
  return call.result(record(event, stream));
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return cudaEventRecord(event, stream);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Call call;
  if (event->has_happened == nullptr || *event->has_happened) return call.result(cudaSuccess);
  streams().run_one();
  return call.result(cudaErrorNotReady);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Call call;
  return call.result(wait_until([&] { return event->has_happened == nullptr || *event->has_happened; }));
}

// Time here is a count of launches: it only has to rise.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Call call;
  if (start->has_happened == nullptr || end->has_happened == nullptr)
    return call.result(cudaErrorInvalidResourceHandle);
  if (!*start->has_happened || !*end->has_happened) return call.result(cudaErrorNotReady);
  *milliseconds = static_cast<float>(end->sequence - start->sequence);
  return call.result(cudaSuccess);
}

}  // extern "C"
