#pragma once

#include "tests/ptx/numbers.h"

namespace segue::ptx {

enum WriteFlag : u8 { kIsWritten = 1, kIsAtomic = 2, kIsAsynchronous = 4 };

struct LastWrite {
  u32 warp, clock, pc;
  u8 lane, flags;
};

/// Lanes of one warp that read at one clock. The top bit of `pc` marks atomic or strong reads.
struct Readers {
  u32 warp, clock, mask, pc;
};
inline constexpr u32 kAtomicRead = 0x80000000U;

/// The accesses to 4 bytes of memory that a next access may race with. All zero: none.
struct Cell {
  u32 launch;     ///< the cell speaks of this launch alone: an older one is ordered before
  u32 split;      ///< 0, or 1 + the index of four cells of a byte each
  u32 more;       ///< 0, or 1 + the index of a list of readers beside `readers`
  u32 n_readers;  ///< 0: `readers` is empty
  LastWrite write;
  Readers readers;
};

}  // namespace segue::ptx
