#pragma once

#include <cstdint>

namespace segue::models {

/// y[i] = x[i] * scale where the hash of (seed, first + i) is at least `threshold`, else 0; `y` may be `x`. A clone an
/// instruction set, all with the same bits.
void apply_dropout_mask(const float* x, float* y, std::int64_t n, std::uint64_t seed, std::uint64_t first,
                        std::uint32_t threshold, float scale);

}  // namespace segue::models
