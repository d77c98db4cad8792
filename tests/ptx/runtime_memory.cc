// Memory: allocation, copies and fills.

#include <cstdlib>
#include <cstring>

#include "tests/ptx/runtime.h"
#include "tests/ptx/scheduler.h"

namespace segue::ptx {
namespace {

DevicePages& pages() { return machine().device(machine().current_device).pages; }

/// The device whose memory holds the address; nullptr for host memory.
DevicePages* pages_of(const void* address) {
  for (const auto& device : machine().devices)
    if (device != nullptr && device->pages.contains(reinterpret_cast<u64>(address))) return &device->pages;
  return nullptr;
}

bool is_pinned(const void* address, std::size_t n_bytes) {
  for (const auto& [begin, size] : runtime().pinned) {
    const auto* from = static_cast<const char*>(begin);
    if (address >= from && static_cast<const char*>(address) + n_bytes <= from + size) return true;
  }
  return false;
}

cudaError_t allocate(void** pointer, std::size_t n_bytes, const char* what) {
  ++machine().runtime_counters.n_allocations;
  *pointer = nullptr;
  if (n_bytes == 0) return cudaSuccess;
  const u64 address = pages().allocate(n_bytes, what);
  if (address == 0) return cudaErrorMemoryAllocation;
  *pointer = reinterpret_cast<void*>(address);
  return cudaSuccess;
}

cudaError_t deallocate(void* pointer) {
  DevicePages* of_pointer = pages_of(pointer);
  if (of_pointer != nullptr && of_pointer->free(reinterpret_cast<u64>(pointer))) return cudaSuccess;
  add_fault(FaultKind::kMisuse, "", "cudaFree of memory that is not allocated");
  return cudaErrorInvalidValue;
}

/// Where the host finds device bytes now; nullptr, and a fault, when they are not all in one live allocation.
u8* reached(DevicePages& of_pointer, const void* address, std::size_t n_bytes, const char* what) {
  const auto at = reinterpret_cast<u64>(address);
  if (of_pointer.holding(at, n_bytes) != nullptr) return of_pointer.data(at);
  const Allocation* nearest = of_pointer.find(at);
  add_fault(
      nearest != nullptr && nearest->is_freed ? FaultKind::kUseAfterFree : FaultKind::kOutOfBounds, "",
      std::string(what) + " of " + std::to_string(n_bytes) + " bytes beyond an allocation" +
          (nearest == nullptr ? "" : ": offset " + std::to_string(at - nearest->begin) + " of " + nearest->describe()));
  return nullptr;
}

void fail_later() { runtime().sticky = cudaErrorIllegalAddress; }

void copy_now(DevicePages* to_pages, void* to, DevicePages* from_pages, const void* from, std::size_t n_bytes) {
  if (runtime().sticky != cudaSuccess) return;
  u8* to_bytes = to_pages != nullptr ? reached(*to_pages, to, n_bytes, "a copy") : static_cast<u8*>(to);
  const u8* from_bytes =
      from_pages != nullptr ? reached(*from_pages, from, n_bytes, "a copy") : static_cast<const u8*>(from);
  if (to_bytes == nullptr || from_bytes == nullptr) return fail_later();
  std::memmove(to_bytes, from_bytes, n_bytes);
  if (to_pages == nullptr) return;
  u8* state = to_pages->state(reinterpret_cast<u64>(to));
  if (from_pages != nullptr) {
    std::memmove(state, from_pages->state(reinterpret_cast<u64>(from)), n_bytes);
  } else {
    std::memset(state, kInitialisedByte, n_bytes);
  }
}

bool fits(cudaMemcpyKind kind, bool to_device, bool from_device) {
  switch (kind) {
    case cudaMemcpyHostToHost: return !to_device && !from_device;
    case cudaMemcpyHostToDevice: return to_device && !from_device;
    case cudaMemcpyDeviceToHost: return !to_device && from_device;
    case cudaMemcpyDeviceToDevice: return to_device && from_device;
    default: return true;
  }
}

cudaError_t copy(void* to, const void* from, std::size_t n_bytes, cudaMemcpyKind kind, cudaStream_t handle,
                 bool waits) {
  if (n_bytes == 0) return cudaSuccess;
  StreamQueues::Stream* stream = streams().find(handle, machine().current_device);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  DevicePages* const to_pages = pages_of(to);
  DevicePages* const from_pages = pages_of(from);
  if (!fits(kind, to_pages != nullptr, from_pages != nullptr)) return cudaErrorInvalidValue;
  if (to_pages != nullptr && to_pages->holding(reinterpret_cast<u64>(to), n_bytes) == nullptr) {
    reached(*to_pages, to, n_bytes, "a copy");
    return cudaErrorInvalidValue;
  }
  if (from_pages != nullptr && from_pages->holding(reinterpret_cast<u64>(from), n_bytes) == nullptr) {
    reached(*from_pages, from, n_bytes, "a copy");
    return cudaErrorInvalidValue;
  }
  RuntimeCounters& counters = machine().runtime_counters;
  if (to_pages != nullptr) ++(from_pages != nullptr ? counters.n_copies_on_device : counters.n_copies_to_device);
  if (to_pages == nullptr && from_pages != nullptr) ++counters.n_copies_to_host;
  const auto done = std::make_shared<bool>(false);
  if (to_pages != nullptr && from_pages == nullptr && (waits || !is_pinned(from, n_bytes))) {
    // Pageable host memory is read before the call returns, into a buffer of the driver.
    std::vector<u8> staged(static_cast<const u8*>(from), static_cast<const u8*>(from) + n_bytes);
    streams().add(*stream, [=, bytes = std::move(staged)] {
      copy_now(to_pages, to, nullptr, bytes.data(), n_bytes);
      *done = true;
    });
  } else {
    streams().add(*stream, [=] {
      copy_now(to_pages, to, from_pages, from, n_bytes);
      *done = true;
    });
  }
  // To pageable host memory a copy has ended when the call returns; a copy on the device never waits for the host.
  const bool to_host = to_pages == nullptr;
  const bool must_wait = to_host ? waits || !is_pinned(to, n_bytes) : waits && from_pages == nullptr;
  return must_wait ? wait_until([&] { return *done; }) : cudaSuccess;
}

cudaError_t fill(void* to, int value, std::size_t n_bytes, cudaStream_t handle) {
  if (n_bytes == 0) return cudaSuccess;
  StreamQueues::Stream* stream = streams().find(handle, machine().current_device);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  DevicePages* const to_pages = pages_of(to);
  if (to_pages == nullptr || reached(*to_pages, to, n_bytes, "a fill") == nullptr) return cudaErrorInvalidValue;
  ++machine().runtime_counters.n_memsets;
  streams().add(*stream, [=] {
    if (runtime().sticky != cudaSuccess) return;
    u8* bytes = reached(*to_pages, to, n_bytes, "a fill");
    if (bytes == nullptr) return fail_later();
    std::memset(bytes, value, n_bytes);
    std::memset(to_pages->state(reinterpret_cast<u64>(to)), kInitialisedByte, n_bytes);
  });
  return cudaSuccess;
}

cudaError_t symbol_address(void** address, const void* symbol) {
  const auto found = runtime().variables.find(symbol);
  if (found == runtime().variables.end()) return cudaErrorInvalidSymbol;
  *address = reinterpret_cast<void*>(found->second.module->variable(found->second.name, machine().current_device));
  return *address != nullptr ? cudaSuccess : cudaErrorInvalidSymbol;
}

}  // namespace
}  // namespace segue::ptx

using namespace segue::ptx;

extern "C" {

cudaError_t cudaMalloc(void** pointer, size_t n_bytes) {
  const Call call;
  return call.result(allocate(pointer, n_bytes, "cudaMalloc"));
}
cudaError_t cudaMallocAsync(void** pointer, size_t n_bytes, cudaStream_t) {
  const Call call;
  return call.result(allocate(pointer, n_bytes, "cudaMallocAsync"));
}

cudaError_t cudaFree(void* pointer) {
  const Call call;
  if (pointer == nullptr) return call.result(cudaSuccess);
  ++machine().runtime_counters.n_frees;
  // cudaFree waits for the device.
  ++machine().runtime_counters.n_synchronisations;
  streams().drain_all();
  return call.result(deallocate(pointer));
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t handle) {
  const Call call;
  StreamQueues::Stream* stream = streams().find(handle, machine().current_device);
  if (stream == nullptr) return call.result(cudaErrorInvalidResourceHandle);
  ++machine().runtime_counters.n_frees;
  if (pointer != nullptr) streams().add(*stream, [pointer] { (void)deallocate(pointer); });
  return call.result(cudaSuccess);
}

cudaError_t cudaHostAlloc(void** pointer, size_t n_bytes, unsigned) {
  const Call call;
  *pointer = std::malloc(n_bytes == 0 ? 1 : n_bytes);
  runtime().pinned[*pointer] = n_bytes;
  return call.result(cudaSuccess);
}
cudaError_t cudaMallocHost(void** pointer, size_t n_bytes) { return cudaHostAlloc(pointer, n_bytes, 0); }
cudaError_t cudaFreeHost(void* pointer) {
  const Call call;
  streams().drain_all();
  if (runtime().pinned.erase(pointer) == 0) return call.result(cudaErrorInvalidValue);
  std::free(pointer);
  return call.result(cudaSuccess);
}
cudaError_t cudaHostRegister(void* pointer, size_t n_bytes, unsigned) {
  const Call call;
  runtime().pinned[pointer] = n_bytes;
  return call.result(cudaSuccess);
}
cudaError_t cudaHostUnregister(void* pointer) {
  const Call call;
  streams().drain_all();
  return call.result(runtime().pinned.erase(pointer) != 0 ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t n_bytes, cudaMemcpyKind kind) {
  const Call call;
  return call.result(copy(to, from, n_bytes, kind, nullptr, true));
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n_bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Call call;
  return call.result(copy(to, from, n_bytes, kind, stream, false));
}
cudaError_t cudaMemset(void* to, int value, size_t n_bytes) {
  const Call call;
  return call.result(fill(to, value, n_bytes, nullptr));
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t n_bytes, cudaStream_t stream) {
  const Call call;
  return call.result(fill(to, value, n_bytes, stream));
}

cudaError_t cudaGetSymbolAddress(void** address, const void* symbol) {
  const Call call;
  return call.result(symbol_address(address, symbol));
}
cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* from, size_t n_bytes, size_t offset,
                               cudaMemcpyKind kind) {
  const Call call;
  void* to = nullptr;
  if (const cudaError_t error = symbol_address(&to, symbol); error != cudaSuccess) return call.result(error);
  return call.result(copy(static_cast<char*>(to) + offset, from, n_bytes, kind, nullptr, true));
}
cudaError_t cudaMemcpyFromSymbol(void* to, const void* symbol, size_t n_bytes, size_t offset, cudaMemcpyKind kind) {
  const Call call;
  void* from = nullptr;
  if (const cudaError_t error = symbol_address(&from, symbol); error != cudaSuccess) return call.result(error);
  return call.result(copy(to, static_cast<const char*>(from) + offset, n_bytes, kind, nullptr, true));
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  const Call call;
  *attributes = {};
  attributes->hostPointer = const_cast<void*>(pointer);
  attributes->type = is_pinned(pointer, 1) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
  for (std::size_t i = 0; i < machine().devices.size(); ++i) {
    if (machine().devices[i] == nullptr || !machine().devices[i]->pages.contains(reinterpret_cast<u64>(pointer)))
      continue;
    attributes->type = cudaMemoryTypeDevice;
    attributes->device = static_cast<int>(i);
    attributes->devicePointer = const_cast<void*>(pointer);
    attributes->hostPointer = nullptr;
  }
  return call.result(cudaSuccess);
}

}  // extern "C"
