#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace segue::models {

inline constexpr double kShortestLength = 1e-12;

/// Rows divided by their length (L2); differentiable.
inline at::Tensor unit_rows(const at::Tensor& x) {
  return x / at::linalg_vector_norm(x, 2, at::IntArrayRef{-1}, /*keepdim=*/true).clamp_min(kShortestLength);
}

/// The same times `scale` in place, by own arithmetic: lengths are summed in double. x [n_rows, width]
inline void make_unit_rows(float* x, std::int64_t n_rows, std::int64_t width, double scale) {
  for (std::int64_t r = 0; r < n_rows; ++r) {
    float* const row = x + r * width;
    double squares = 0;
    for (std::int64_t k = 0; k < width; ++k) squares += static_cast<double>(row[k]) * static_cast<double>(row[k]);
    const auto factor = static_cast<float>(scale / std::max(std::sqrt(squares), kShortestLength));
    for (std::int64_t k = 0; k < width; ++k) row[k] *= factor;
  }
}

}  // namespace segue::models
