#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

namespace segue::kernels::cuda {

/// How many of a sample of every `step`-th item must lie above a threshold, for `k` of all items to lie above it too
/// but with a chance of 2e-8: those in the sample are k / step by Poisson. The best step times as many of all items
/// then do.
SEGUE_HOST_DEVICE inline std::int64_t sample_rank(std::int64_t k, std::int64_t step) {
  const double expected = static_cast<double>(k) / static_cast<double>(step);
  return static_cast<std::int64_t>(std::ceil(expected + 5.6 * std::sqrt(expected) + 4.5));
}

}  // namespace segue::kernels::cuda
