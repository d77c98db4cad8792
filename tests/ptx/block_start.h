#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

/// Makes a block ready to run: its warps at the first instruction, its shared memory uninitialised.
void start_block(Block& block, Launch& launch, u64 linear_index);

}  // namespace segue::ptx
