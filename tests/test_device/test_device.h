#pragma once

#include <ATen/ATen.h>

#include "tests/test_device/counts.h"
#include "tests/test_device/memory.h"

namespace segue::test_device {

/// A device beside the CPU on any machine: linking segue_test_device adds it to LibTorch as PrivateUse1. Its memory is
/// out of the host's reach, its kernels are the CPU's, so that its results are equal to the last bit, and it counts
/// what goes from and to the host (counts.h).
inline at::Device device() { return {at::kPrivateUse1, 0}; }

/// The device has so little memory as long as this lives.
class LittleMemory {
 public:
  explicit LittleMemory(std::size_t free_bytes) : before_(Memory::instance().capacity()) {
    Memory::instance().set_capacity(Memory::instance().in_use() + free_bytes);
  }
  ~LittleMemory() { Memory::instance().set_capacity(before_); }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;

 private:
  std::size_t before_;
};

}  // namespace segue::test_device
