#pragma once

#include <ATen/ATen.h>

namespace segue::models {

/// Running sums over packed sequences that forget at a rate of their own in every dimension:
///
///   s_t = decay * s_{t-1} + x_t            (s before the first step is zero)
///
/// Differentiable in x and decay; the backward pass runs the same recursion the other way. On a CPU: one pass over x,
/// sequences side by side on all threads. Elsewhere: one ATen operation a step.
///
/// @param x            [n_positions, w] float32, packed as in batching::Batch
/// @param batch_sizes  [n_steps] int64 on the CPU, falling
/// @param decay        [w], in [0, 1]
/// @return             [n_positions, w]
at::Tensor decayed_sum(const at::Tensor& x, const at::Tensor& batch_sizes, const at::Tensor& decay);

}  // namespace segue::models
