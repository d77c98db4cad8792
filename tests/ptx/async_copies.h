#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

/// Brings a lane's copies of groups before `group` to their end: the bytes are there, and ordinary writes of the lane.
void finish_copies(Warp& warp, int lane, u32 before_group);

}  // namespace segue::ptx
