#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device_memory.h"

namespace segue::bench {

/// An array in the device's memory.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::int64_t n)
      : data_(static_cast<T*>(kernels::allocate_on_device(static_cast<std::size_t>(n) * sizeof(T)))), n_(n) {}
  DeviceArray(const T* from, std::int64_t n) : DeviceArray(n) {
    kernels::copy_to_device(data_, from, static_cast<std::size_t>(n) * sizeof(T));
  }
  explicit DeviceArray(const std::vector<T>& from) : DeviceArray(from.data(), static_cast<std::int64_t>(from.size())) {}
  ~DeviceArray() { kernels::free_on_device(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  [[nodiscard]] T* data() const { return data_; }
  /// A copy of the first `n`; waits for work that is under way.
  [[nodiscard]] std::vector<T> read(std::int64_t n) const {
    std::vector<T> copy(static_cast<std::size_t>(n));
    kernels::copy_from_device(copy.data(), data_, copy.size() * sizeof(T));
    return copy;
  }
  [[nodiscard]] std::int64_t size() const { return n_; }

 private:
  T* data_;
  std::int64_t n_;
};

}  // namespace segue::bench
