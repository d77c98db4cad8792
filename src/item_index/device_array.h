#pragma once

#include <cstdint>
#include <utility>

#include "kernels/device_memory.h"

namespace segue::item_index {

/// Owns `n` values in the memory of the CUDA device.
template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  explicit DeviceArray(std::int64_t n)
      : bytes_(static_cast<std::size_t>(n) * sizeof(T)),
        data_(n == 0 ? nullptr : kernels::allocate_on_device(bytes_)) {}
  DeviceArray(const T* values, std::int64_t n) : DeviceArray(n) {
    if (n > 0) kernels::copy_to_device(data_, values, bytes_);
  }
  ~DeviceArray() {
    if (data_ != nullptr) kernels::free_on_device(data_);
  }
  DeviceArray(DeviceArray&& other) noexcept
      : bytes_(std::exchange(other.bytes_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
    return *this;
  }
  [[nodiscard]] std::size_t n_bytes() const { return bytes_; }
  [[nodiscard]] T* data() const { return static_cast<T*>(data_); }
  /// The first `n` values, to the host.
  void copy_to(T* values, std::int64_t n) const {
    if (n > 0) kernels::copy_from_device(values, data_, static_cast<std::size_t>(n) * sizeof(T));
  }
  /// Room for `n` values at least; what was there is lost where it has to grow.
  T* reserve(std::int64_t n) {
    if (static_cast<std::size_t>(n) * sizeof(T) > bytes_) {
      *this = DeviceArray();  // first, so that its memory is free
      *this = DeviceArray(n);
    }
    return data();
  }
  /// `n` values of the host; nullptr for none.
  T* assign(const T* values, std::int64_t n) {
    if (n == 0) return nullptr;
    kernels::copy_to_device(reserve(n), values, static_cast<std::size_t>(n) * sizeof(T));
    return data();
  }

 private:
  std::size_t bytes_ = 0;
  void* data_ = nullptr;
};

}  // namespace segue::item_index
