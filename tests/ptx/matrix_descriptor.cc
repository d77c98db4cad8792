#include "tests/ptx/matrix_descriptor.h"

#include <cstdio>
#include <string>

#include "tests/ptx/block.h"

namespace segue::ptx {
namespace {

constexpr u64 kReservedBits = 0x3ULL << 14 | 0x3ULL << 30 | 0x7ULL << 46 | 0x3FFULL << 52;
constexpr u64 kRowsOfGroup = 8, kChunkBytes = 16;

[[noreturn]] void fail(u64 bits, const std::string& why) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(bits));
  throw KernelFault(FaultKind::kMisuse, -1, "the matrix descriptor " + std::string(text) + " " + why);
}

/// matrix-descriptor-encode keeps bits 4 to 17 of a number of bytes.
u64 bytes_in(u64 bits, int at) { return (bits >> at & 0x3FFF) << 4; }

}  // namespace

MatrixDescriptor::MatrixDescriptor(u64 bits)
    : start_(bytes_in(bits, 0)), leading_(bytes_in(bits, 16)), stride_(bytes_in(bits, 32)) {
  constexpr u64 kSpans[] = {0, 128, 64, 32};
  span_ = kSpans[bits >> 62];
  const u64 base_offset = bits >> 49 & 7;
  pattern_start_ = base_offset << 7;
  if ((bits & kReservedBits) != 0) fail(bits, "has reserved bits set");
  if (span_ == 0) {
    if (base_offset != 0) fail(bits, "has a base offset, but no swizzle");
    return;
  }
  const u64 pattern = kRowsOfGroup * span_;
  const auto patterns = "patterns of " + std::to_string(pattern) + " bytes (" + std::to_string(span_) +
                        "-byte swizzle, base offset " + std::to_string(base_offset) + ")";
  // A step along k moves the start inside the first row, and no further.
  if ((start_ - pattern_start_) % pattern + 2 * kChunkBytes > span_)
    fail(bits, "starts at " + std::to_string(start_) + ", not within the first row of one of its " + patterns);
  if (stride_ % pattern != 0)
    fail(bits, "has a stride of " + std::to_string(stride_) + " bytes between its " + patterns);
}

u64 MatrixDescriptor::chunk(int row, int which) const {
  const u64 group = static_cast<u64>(row) / kRowsOfGroup, in_group = static_cast<u64>(row) % kRowsOfGroup;
  const u64 at = start_ + group * stride_;
  if (span_ == 0) return at + in_group * kChunkBytes + static_cast<u64>(which) * leading_;
  const u64 address = at + in_group * span_ + static_cast<u64>(which) * kChunkBytes;
  const u64 phase = (address - pattern_start_) >> 7 & (span_ / kChunkBytes - 1);
  return address ^ phase * kChunkBytes;
}

}  // namespace segue::ptx
