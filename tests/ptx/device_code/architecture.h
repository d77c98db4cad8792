#pragma once

namespace segue::ptx {

/// Writes what the kernel was compiled for: 80, or 901 for compute_90a.
void write_architecture(int* to);

}  // namespace segue::ptx
