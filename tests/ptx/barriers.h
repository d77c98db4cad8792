#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

/// Instruction::option of a kWarpSync: exited lanes in the mask are an error (bar.warp.sync, .aligned instructions).
inline constexpr u8 kSyncNeedsAll = 1;

/// Instruction::option of a kBarrier.
enum BarrierOption : u8 { kBarrierSync = 0, kBarrierRedPopc, kBarrierRedAnd, kBarrierRedOr, kBarrierArrive };

/// Lanes of the warp have come to a barrier instruction: its groups there wait. Lets all go when the barrier is
/// complete.
void arrive_at_barrier(Warp& warp, const Instruction& instruction, u32 pc);

/// Lanes have exited: barriers of the whole block may be complete now.
void lanes_have_exited(Warp& warp);

}  // namespace segue::ptx
