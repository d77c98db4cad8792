#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace segue::kernels {

inline constexpr std::size_t kCacheLineBytes = 64;

/// Memory that begins on a cache line.
template <typename T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <typename U>
  LineAllocator(const LineAllocator<U>&) {}  // NOLINT(google-explicit-constructor): what an allocator is asked for
  [[nodiscard]] T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{kCacheLineBytes}));
  }
  void deallocate(T* memory, std::size_t) { ::operator delete (memory, std::align_val_t{kCacheLineBytes}); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
  friend bool operator!=(const LineAllocator&, const LineAllocator&) { return false; }
};

/// For what is read 64 bytes at a time: a load across two lines takes twice as long, and malloc() puts every large
/// array 16 bytes behind a line.
template <typename T>
using AlignedVector = std::vector<T, LineAllocator<T>>;

}  // namespace segue::kernels
