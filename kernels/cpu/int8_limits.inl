#pragma once

// Compiled anew by each instruction set's file, with internal linkage, so that no copy is shared among them.

#include "kernels/cpu/int8_kernels.h"

namespace segue::kernels::cpu {
namespace {

/// See Int8Kernels::set_limits.
bool set_limits(const Int8Limits& limits) {
  constexpr float kAllPass = -0x1p30F;  // beyond any sum of kInt8MaxDim products, with or without a correction
  const float inverse_scale = 1.0F / limits.scale;
  // What float32 rounds off: here a few steps of 2^-24 of each operand; in the comparison with a bias also of the
  // largest sum.
  constexpr float kRounding = 1e-6F;
  const float largest_sum = 255.0F * 127.0F * static_cast<float>(limits.dim);
  const float bias_rounding = limits.has_bias ? static_cast<float>(limits.dim + 2) * 0x1p-23F * limits.max_size : 0.0F;
  int useful = 0;
  for (int q = 0; q < limits.n_queries; ++q) {
    const float threshold = limits.thresholds[q];
    const float step = limits.steps[q] * limits.scale;
    // Cauchy-Schwarz: q.x - q'.x' = q.(x - x') + (q - q').x'. The last term is for products that underflow.
    float error = limits.norms[q] * limits.max_error + limits.errors[q] * limits.max_norm + bias_rounding + 1e-29F;
    const float size = limits.norms[q] * limits.max_size;
    error = size < 1e37F ? error : __builtin_inff();
    const float magnitude = __builtin_fabsf(threshold) + error;
    float limit = (threshold - error - kRounding * magnitude) * limits.inverse_steps[q] * inverse_scale - 1.0F;
    limit = limit > kAllPass ? limit : kAllPass;  // NaN too: 0 / 0 where nothing but the threshold is left
    limit = limit < -kAllPass ? limit : -kAllPass;
    limits.limits[q] = static_cast<std::int32_t>(limit) - 1 + static_cast<std::int32_t>(limits.corrections[q]);
    limits.block_steps[q] = step;
    limits.offsets[q] = -step * limits.corrections[q];
    const float rounding = kRounding * (2 * step * largest_sum + (limits.has_bias ? limits.max_size : 0.0F));
    limits.bounds[q] = error + rounding;
    limits.float_limits[q] =
        threshold - error + step * limits.corrections[q] - kRounding * (magnitude + step * largest_sum);
    // Also of the scores by int8, which may be larger by the bound.
    const float most = (size + (limits.has_bias ? limits.max_size : 0.0F)) * (1 + 1e-5F) + limits.bounds[q];
    useful |= static_cast<int>(!(most < threshold));
  }
  return useful != 0;
}

}  // namespace
}  // namespace segue::kernels::cpu
