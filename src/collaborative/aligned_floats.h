#pragma once

#include "kernels/aligned_vector.h"

namespace segue::collaborative {

/// Vector code treats the first and last elements of a row by its address: with addresses that are not aligned, sums
/// would have other bits from run to run.
using AlignedFloats = kernels::AlignedVector<float>;

}  // namespace segue::collaborative
