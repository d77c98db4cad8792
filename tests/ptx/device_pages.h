#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/ptx/numbers.h"

namespace segue::ptx {

/// What a byte of device memory holds.
enum ByteState : u8 {
  kUninitialisedByte = 0,
  kInitialisedByte = 1,
  kInFlightByte = 2  ///< a cp.async is under way to it
};

struct Cell;  // of the race detector

/// One allocation; it keeps its place in the list after it was freed, so that a use after that is named.
struct Allocation {
  u64 begin = 0, n_bytes = 0;
  u64 number = 0;  ///< counts all allocations of the device
  bool is_freed = false;
  std::string what;       ///< "cudaMalloc", or the name of a variable
  Cell* cells = nullptr;  ///< a cell for each 4 bytes, mapped when first asked for
  std::size_t cell_bytes = 0;

  std::string describe() const;
};

/// The memory of one device. Its addresses lie in a mapping that the host may not touch; the interpreter reaches the
/// same bytes elsewhere. Allocations lie apart, are never reused, and begin as 0xFF bytes that count as uninitialised.
class DevicePages {
 public:
  explicit DevicePages(std::size_t capacity_bytes);
  ~DevicePages();
  DevicePages(const DevicePages&) = delete;
  DevicePages& operator=(const DevicePages&) = delete;

  /// 0 when the device is full.
  u64 allocate(std::size_t n_bytes, std::string what);
  /// False if no allocation begins there.
  bool free(u64 address);
  /// The allocation, live or freed, that holds the address or lies closest below it; nullptr for none at all.
  Allocation* find(u64 address);
  /// The live allocation that holds all bytes; nullptr if there is none.
  Allocation* holding(u64 address, std::size_t n_bytes);

  u8* data(u64 address) const { return data_ + (address - base_); }
  u8* state(u64 address) const { return state_ + (address - base_); }
  bool contains(u64 address) const { return address >= base_ && address < base_ + address_bytes_; }
  Cell* cells(Allocation& allocation) const;

  std::size_t used_bytes() const { return used_bytes_; }
  std::size_t capacity_bytes() const { return capacity_bytes_; }

 private:
  std::size_t capacity_bytes_, address_bytes_, used_bytes_ = 0;
  u64 base_ = 0, next_ = 0, n_allocations_ = 0;
  u8* data_ = nullptr;
  u8* state_ = nullptr;
  std::vector<std::unique_ptr<Allocation>> allocations_;  ///< by rising address
};

}  // namespace segue::ptx
