#pragma once

#include <cstddef>
#include <cstdint>

namespace segue::kernels::cuda {

inline constexpr std::size_t kWorkspaceAlignment = 256;

/// Hands out parts of the workspace, each on kWorkspaceAlignment.
class WorkspaceLayout {
 public:
  explicit WorkspaceLayout(void* memory) : memory_(static_cast<char*>(memory)) {}
  template <class T>
  T* take(std::int64_t n) {
    T* part = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + bytes_);
    bytes_ +=
        (static_cast<std::size_t>(n) * sizeof(T) + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
    return part;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  char* memory_;
  std::size_t bytes_ = 0;
};

}  // namespace segue::kernels::cuda
