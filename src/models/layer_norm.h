#pragma once

#include <cstdint>

namespace segue::models {

/// Each row of x [n_rows, width] := (x - mean) / sqrt(variance + 1e-5) weight + bias, with weight and bias [width].
/// Sums are in double, in an order that the width alone fixes. Vectorised.
void layer_norm(float* x, std::int64_t n_rows, std::int64_t width, const float* weight, const float* bias);

}  // namespace segue::models
