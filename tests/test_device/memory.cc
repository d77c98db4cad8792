#include "tests/test_device/memory.h"

#include <c10/util/Exception.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace segue::test_device {
namespace {

constexpr std::size_t kAlignment = 64;

}  // namespace

Memory& Memory::instance() {
  // Never destroyed: tensors of static storage may outlive any order of destruction.
  static auto* const memory = new Memory;
  return *memory;
}

Memory::Memory() {
  const int file = ::memfd_create("segue test device", MFD_CLOEXEC);
  if (file < 0 || ::ftruncate(file, kBytes) != 0) throw std::runtime_error("test device: no memory file");
  void* const device = ::mmap(nullptr, kBytes, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file, 0);
  void* const host = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
  ::close(file);
  if (device == MAP_FAILED || host == MAP_FAILED) throw std::runtime_error("test device: its memory cannot be mapped");
  device_ = static_cast<std::byte*>(device);
  host_ = static_cast<std::byte*>(host);
  free_[0] = kBytes;
}

void* Memory::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(free_.begin(), free_.end(), [&](const auto& range) { return range.second >= size; });
  TORCH_CHECK_WITH(OutOfMemoryError, in_use_ + size <= capacity_ && found != free_.end(),
                   "test device out of memory. Tried to allocate ", bytes, " bytes; of ", capacity_, " bytes ",
                   capacity_ - std::min(capacity_, in_use_), " are free.");
  const auto [offset, length] = *found;
  free_.erase(found);
  if (length > size) free_[offset + size] = length - size;
  used_[offset] = size;
  in_use_ += size;
  std::memset(host_ + offset, 0xFF, size);
  return device_ + offset;
}

void Memory::free(void* device_pointer) {
  if (device_pointer == nullptr) return;
  const std::lock_guard lock(mutex_);
  const auto used = used_.find(static_cast<std::size_t>(static_cast<std::byte*>(device_pointer) - device_));
  if (used == used_.end()) std::terminate();  // freed twice, or never allocated here
  in_use_ -= used->second;
  auto range = free_.emplace(used->first, used->second).first;
  used_.erase(used);
  const auto next = std::next(range);
  if (next != free_.end() && range->first + range->second == next->first) {
    range->second += next->second;
    free_.erase(next);
  }
  if (range == free_.begin()) return;
  const auto before = std::prev(range);
  if (before->first + before->second != range->first) return;
  before->second += range->second;
  free_.erase(range);
}

void* Memory::host_view(const void* device_pointer) const {
  if (device_pointer == nullptr) return nullptr;
  const auto offset = static_cast<const std::byte*>(device_pointer) - device_;
  if (offset < 0 || static_cast<std::size_t>(offset) >= kBytes)
    throw std::logic_error("test device: a pointer that is not of its memory");
  return host_ + offset;
}

void Memory::set_capacity(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = std::min(bytes, kBytes);
}

std::size_t Memory::capacity() const {
  const std::lock_guard lock(mutex_);
  return capacity_;
}

std::size_t Memory::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

}  // namespace segue::test_device
