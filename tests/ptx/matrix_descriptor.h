#pragma once

#include "tests/ptx/numbers.h"

namespace segue::ptx {

/// An operand of wgmma in shared memory: rows of 32 bytes (k elements of A's rows or of B's columns), each of two
/// chunks of 16 bytes. Groups of eight rows are a swizzle pattern, or without a swizzle two core matrices.
class MatrixDescriptor {
 public:
  /// Takes the 64 bits apart; KernelFault for those that the manual does not allow.
  explicit MatrixDescriptor(u64 bits);
  /// The address of a chunk in the space .shared.
  u64 chunk(int row, int which) const;

 private:
  u64 start_, leading_, stride_;
  u64 span_;           ///< bytes of a row of the swizzle pattern; 0: no swizzle
  u64 pattern_start_;  ///< modulo 1024
};

}  // namespace segue::ptx
