#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace segue::models {

/// Dropout whose mask is a function of (seed, position) alone: nothing is drawn in turn, so all threads work at once,
/// the backward pass makes the mask anew instead of reading it, and a resumed run drops the same.
///
///   y[i] = x[i] / (1 - p) where hash(seed, i) >= p, else 0
///
/// @param x  float32; differentiable
/// @param p  share dropped, in [0, 1)
at::Tensor seeded_dropout(const at::Tensor& x, double p, std::uint64_t seed);

}  // namespace segue::models
