#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace segue::test_device {

/// The memory of the test device: one range of pages, mapped twice. Pointers that tensors carry lie in a mapping that
/// nobody may touch, so that host code which follows one dies as it would on a GPU; the device's own operators go
/// through the second mapping (host_view). Thread-safe.
class Memory {
 public:
  static constexpr std::size_t kBytes = std::size_t{1} << 30U;  ///< address space; pages come when they are touched

  static Memory& instance();

  /// Numbers in it are NaN until something is written.
  /// @throws c10::OutOfMemoryError  more than the capacity would be in use
  void* allocate(std::size_t bytes);
  void free(void* device_pointer);

  /// The same byte where the device's operators may read and write it.
  [[nodiscard]] void* host_view(const void* device_pointer) const;

  void set_capacity(std::size_t bytes);
  [[nodiscard]] std::size_t capacity() const;
  [[nodiscard]] std::size_t in_use() const;

 private:
  Memory();

  mutable std::mutex mutex_;
  std::byte *device_ = nullptr, *host_ = nullptr;
  std::map<std::size_t, std::size_t> free_, used_;  ///< offset: bytes
  std::size_t in_use_ = 0, capacity_ = kBytes;
};

}  // namespace segue::test_device
