#include "models/packed_linear.h"

#include <algorithm>
#include <cstring>

#include "support/instruction_sets.h"

namespace segue::models {
namespace {

constexpr std::int64_t kPanel = 32;
using Vector = float __attribute__((vector_size(64)));
using LooseVector = float __attribute__((vector_size(64), aligned(4)));

/// Rows r .. r + kRows of the output in one panel of 32 columns.
template <int kRows>
SEGUE_INLINE void tile(const float* x, std::int64_t n_in, const float* panel, float* y, std::int64_t n_out,
                       std::int64_t width) {
  Vector low[kRows], high[kRows];
  for (int r = 0; r < kRows; ++r) {
    low[r] = *reinterpret_cast<const LooseVector*>(panel);
    high[r] = *reinterpret_cast<const LooseVector*>(panel + 16);
  }
  for (std::int64_t i = 0; i < n_in; ++i) {
    const Vector w_low = *reinterpret_cast<const LooseVector*>(panel + (i + 1) * kPanel);
    const Vector w_high = *reinterpret_cast<const LooseVector*>(panel + (i + 1) * kPanel + 16);
    for (int r = 0; r < kRows; ++r) {
      const float value = x[r * n_in + i];
      low[r] += value * w_low;
      high[r] += value * w_high;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    float row[kPanel];
    std::memcpy(row, &low[r], 64);
    std::memcpy(row + 16, &high[r], 64);
    std::memcpy(y + r * n_out, row, static_cast<std::size_t>(width) * sizeof(float));
  }
}

SEGUE_CLONES void multiply(const float* x, std::int64_t n_rows, std::int64_t n_in, const float* panels, float* y,
                           std::int64_t n_out) {
  constexpr int kRows = 8;
  for (std::int64_t column = 0; column < n_out; column += kPanel) {
    const float* panel = panels + column / kPanel * (n_in + 1) * kPanel;
    const std::int64_t width = std::min(kPanel, n_out - column);
    std::int64_t row = 0;
    for (; row + kRows <= n_rows; row += kRows)
      tile<kRows>(x + row * n_in, n_in, panel, y + row * n_out + column, n_out, width);
    // Rows left over: one alone would wait for each of its sums.
    if (row + 4 <= n_rows) {
      tile<4>(x + row * n_in, n_in, panel, y + row * n_out + column, n_out, width);
      row += 4;
    }
    if (row + 2 <= n_rows) {
      tile<2>(x + row * n_in, n_in, panel, y + row * n_out + column, n_out, width);
      row += 2;
    }
    if (row < n_rows) tile<1>(x + row * n_in, n_in, panel, y + row * n_out + column, n_out, width);
  }
}

}  // namespace

PackedLinear::PackedLinear(const float* weight, const float* bias, std::int64_t n_out, std::int64_t n_in)
    : n_out_(n_out), n_in_(n_in) {
  const std::int64_t n_panels = (n_out + kPanel - 1) / kPanel;
  panels_.assign(static_cast<std::size_t>(n_panels * (n_in + 1) * kPanel), 0.0F);
  for (std::int64_t o = 0; o < n_out; ++o) {
    float* panel = panels_.data() + o / kPanel * (n_in + 1) * kPanel + o % kPanel;
    panel[0] = bias[o];
    for (std::int64_t i = 0; i < n_in; ++i) panel[(i + 1) * kPanel] = weight[o * n_in + i];
  }
}

void PackedLinear::apply(const float* x, std::int64_t n_rows, float* y) const {
  multiply(x, n_rows, n_in_, panels_.data(), y, n_out_);
}

}  // namespace segue::models
