#pragma once

#include <cstddef>
#include <vector>

#include "kernels/device.h"
#include "kernels/device_memory.h"

namespace segue::kernels {

/// A copy of host values where the device can read them.
template <class T>
class OnDevice {
 public:
  OnDevice(const Device& device, const std::vector<T>& values) : device_(device), host_(values) {
    if (device_.kind != Device::Kind::kCuda) return;
    memory_ = allocate_on_device(host_.size() * sizeof(T));
    copy_to_device(memory_, host_.data(), host_.size() * sizeof(T));
  }
  ~OnDevice() {
    if (memory_ != nullptr) free_on_device(memory_);
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  T* data() { return memory_ != nullptr ? static_cast<T*>(memory_) : host_.data(); }
  std::vector<T> values() {
    if (memory_ != nullptr) copy_from_device(host_.data(), memory_, host_.size() * sizeof(T));
    return host_;
  }

 private:
  Device device_;
  std::vector<T> host_;
  void* memory_ = nullptr;
};

}  // namespace segue::kernels
