#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace segue::bench {

/// What the device is, by its attributes.
struct DeviceNumbers {
  int compute_capability = 0;  ///< 90 for 9.0
  int n_processors = 0;
  int clock_khz = 0;
  int shared_bytes = 0;  ///< that a block may have
  int l2_bytes = 0;
};
DeviceNumbers device_numbers();

/// Bytes read and written a second, in 1e9, by copies of `n_bytes` from the device to itself. The median of
/// `n_repeats`.
double copy_gb_s(std::int64_t n_bytes, int n_repeats);

/// Products and additions a second, in 1e12, of mma.sync alone: all operands in registers, 16 sums in flight a warp.
/// kFloat32: tf32.
double mma_sync_tflop_s(kernels::DType dtype, int n_steps, int n_repeats);

}  // namespace segue::bench
