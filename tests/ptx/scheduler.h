#pragma once

#include "tests/ptx/block.h"

namespace segue::ptx {

/// Runs all blocks of a launch. Faults that end it are added to the device's list; false then.
bool run_launch(Launch& launch);

/// Adds a fault to the device's list.
void add_fault(FaultKind kind, const std::string& kernel, const std::string& message);

}  // namespace segue::ptx
