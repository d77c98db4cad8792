#pragma once

// A bitonic sort of 512 keys in the registers of a warp: no barrier, and no shared memory. Lane l holds those at 16 l
// and on. The loop over lengths is not unrolled: the code is run once a block, and longer code takes longer to fetch.

#include "kernels/sortable_key.h"

namespace segue::kernels::cuda {

inline constexpr int kKeysOfLane = 16;
inline constexpr int kKeysOfWarp = 32 * kKeysOfLane;

/// Largest first. For all lanes of a warp.
__device__ inline void sort_warp_descending(SortableKey (&keys)[kKeysOfLane]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll 1
  for (int size = 2; size <= kKeysOfWarp; size *= 2) {
    // Runs of `size` keys fall and rise in turn; the last is one that falls.
#pragma unroll 1
    for (int mask = size / 2 / kKeysOfLane; mask > 0; mask /= 2) {
      const bool takes_larger = ((lane & mask) == 0) == ((lane * kKeysOfLane & size) == 0);
#pragma unroll
      for (int i = 0; i < kKeysOfLane; ++i) {
        const SortableKey other = __shfl_xor_sync(0xFFFF'FFFFU, keys[i], mask);
        keys[i] = (keys[i] < other) == takes_larger ? other : keys[i];
      }
    }
#pragma unroll
    for (int distance = kKeysOfLane / 2; distance > 0; distance /= 2) {
      if (distance >= size) continue;
#pragma unroll
      for (int i = 0; i < kKeysOfLane; ++i) {
        if ((i & distance) != 0) continue;
        const bool falls = ((lane * kKeysOfLane + i) & size) == 0;
        const SortableKey a = keys[i];
        const SortableKey b = keys[i + distance];
        const bool changes = (a < b) == falls;
        keys[i] = changes ? b : a;
        keys[i + distance] = changes ? a : b;
      }
    }
  }
}

}  // namespace segue::kernels::cuda
