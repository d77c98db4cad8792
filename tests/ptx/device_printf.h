#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

// The two functions that device code calls without defining them.
void execute_printf(Warp& warp, const Instruction& instruction, u32 mask);
void execute_assertfail(Warp& warp, const Instruction& instruction, u32 mask);

}  // namespace segue::ptx
