#pragma once

#include "tests/ptx/block.h"
#include "tests/ptx/decoder.h"

namespace segue::ptx {

/// Takes .weak, .volatile, .relaxed, .acquire, .release, .acq_rel and the scope, if they are there.
void take_memory_order(Decoder& d);

/// Tells the race detector what a strong access or an atomic synchronises with. `addresses` are those of the
/// instruction's space.
void order_memory(Warp& warp, const Instruction& instruction, u32 mask, const u64* addresses, bool reads, bool writes);

}  // namespace segue::ptx
