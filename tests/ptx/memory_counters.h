#pragma once

#include "tests/ptx/memory_access.h"

namespace segue::ptx {

/// Sectors of 32 bytes that the lanes ask for, and how few would do for as many bytes.
void count_global_access(Counters& counters, u32 mask, const u64* addresses, const Access& access);

/// Wavefronts: passes over the 32 banks of 4 bytes. Lanes that want the same word share it; 8 bytes a lane go in halves
/// of the warp, 16 in quarters, rows of ldmatrix eight at a time.
void count_shared_access(Counters& counters, u32 mask, const u64* addresses, const Access& access);

/// The same number for any set of words of one pass: the most distinct words that share a bank.
int wavefronts(const u64* words, int n_words);

}  // namespace segue::ptx
