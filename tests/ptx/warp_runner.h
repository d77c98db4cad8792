#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

/// Whether any lane of the warp can go on: it does not wait for others.
bool can_run(const Warp& warp);

/// Runs the warp for up to `budget` instructions, or until all its lanes wait or have exited.
void run_warp(Warp& warp, u64 budget);

}  // namespace segue::ptx
