#include "kernels/int8_items.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "kernels/cpu/workers.h"

namespace segue::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kLevels = 127;
constexpr int kOffset = 128;

/// The largest magnitude of a row; +inf where an element is not finite.
float largest_element(const float* row, std::int64_t dim) {
  float largest = 0;
  for (std::int64_t i = 0; i < dim; ++i) {
    const float magnitude = std::fabs(row[i]);
    largest = magnitude > largest ? magnitude : largest;
    if (!std::isfinite(magnitude)) return kInfinity;
  }
  return largest;
}

/// Rounds a bound up, so that what was computed in double holds in float.
float upwards(double bound) { return std::nextafter(static_cast<float>(bound * (1 + 1e-6)), kInfinity); }

/// Where a position's element `i` lies in the panels of its block.
std::int64_t offset_in_block(std::int64_t position, std::int64_t i, std::int64_t panel_bytes) {
  const std::int64_t lane = position % kInt8PanelItems;
  return position / kInt8PanelItems * panel_bytes + (i / 4 * kInt8PanelItems + lane) * 4 + i % 4;
}

/// Fills the panels of one block, and says what holds for it.
Int8Block make_block(const ItemVectors& vectors, const float* bias, const std::int32_t* rows, std::int64_t n_rows,
                     float largest, std::uint8_t* panels, std::int64_t panel_bytes) {
  std::fill_n(panels, kInt8BlockPanels * panel_bytes, static_cast<std::uint8_t>(kOffset));
  const bool bounded = std::isfinite(largest);
  // A scale so small that its inverse overflows is as good as 0.
  const float scale = bounded && largest > 1e-30F ? largest / kLevels : 0.0F;
  const double inverse = scale > 0 ? 1.0 / scale : 0.0;
  double max_norm = 0;
  double max_error = 0;
  double max_size = 0;
  FloatRows widened(vectors);
  for (std::int64_t position = 0; position < n_rows; ++position) {
    const float* x = widened.row(rows[position]);
    double norm = 0;
    double error = 0;
    double size = 0;
    for (std::int64_t i = 0; i < vectors.n_cols; ++i) {
      const double level = bounded ? std::nearbyint(x[i] * inverse) : 0.0;
      panels[offset_in_block(position, i, panel_bytes)] = static_cast<std::uint8_t>(static_cast<int>(level) + kOffset);
      norm += level * level;
      size += static_cast<double>(x[i]) * x[i];
      const double left = x[i] - level * scale;
      error += left * left;
    }
    size = std::sqrt(size);
    // Recursive summation of dim products onto the bias, each step rounded: (dim + 1) * 2^-24 of the sum of magnitudes,
    // for a query of norm 1. A bias is not scaled by the query: its share is added at query time, from max_size.
    const double rounding = static_cast<double>(vectors.n_cols + 2) * 0x1p-24 * size;
    max_norm = std::max(max_norm, std::sqrt(norm) * scale);
    max_error = std::max(max_error, std::sqrt(error) + rounding);
    max_size = std::max(max_size, bias == nullptr ? size : std::max<double>(size, std::fabs(bias[rows[position]])));
    if (bias != nullptr && !std::isfinite(bias[rows[position]])) max_size = kInfinity;
  }
  if (!bounded || !(max_size < 1e37)) return {0.0F, 0.0F, kInfinity, kInfinity};
  return {scale, upwards(max_norm), upwards(max_error), upwards(max_size)};
}

}  // namespace

Int8ItemArrays make_int8_items(const ItemVectors& vectors, const float* bias, int n_threads) {
  if (vectors.dtype == DType::kInt8)
    throw std::invalid_argument("make_int8_items: the items are int8 already, and need no copy");
  require_well_formed(vectors, "make_int8_items");
  if (vectors.n_cols > kInt8MaxDim || vectors.n_rows > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("make_int8_items: " + std::to_string(vectors.n_rows) + " items of " +
                                std::to_string(vectors.n_cols) + " dimensions, and at most 2^31 - 1 of " +
                                std::to_string(kInt8MaxDim) + " can be");
  }
  Int8ItemArrays made;
  made.n_items = vectors.n_rows;
  made.dim = vectors.n_cols;
  const Int8Items shape = made.view();
  const std::int64_t n_blocks = shape.n_blocks();
  const std::int64_t panel_bytes = shape.panel_bytes();
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(n_blocks, 1, n_threads));

  std::vector<float> largest(static_cast<std::size_t>(vectors.n_rows));
  cpu::run_workers(n_workers, [&](int worker) {
    FloatRows widened(vectors);
    const std::int64_t end = cpu::part_begin(vectors.n_rows, 1, worker + 1, n_workers);
    for (std::int64_t row = cpu::part_begin(vectors.n_rows, 1, worker, n_workers); row < end; ++row)
      largest[static_cast<std::size_t>(row)] = largest_element(widened.row(row), vectors.n_cols);
  });
  made.rows.assign(static_cast<std::size_t>(n_blocks * kInt8BlockItems), -1);
  const auto end = made.rows.begin() + vectors.n_rows;
  std::iota(made.rows.begin(), end, 0);
  std::sort(made.rows.begin(), end, [&](std::int32_t a, std::int32_t b) {
    const float x = largest[static_cast<std::size_t>(a)];
    const float y = largest[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });

  made.panels.resize(static_cast<std::size_t>(n_blocks * kInt8BlockPanels * panel_bytes + kInt8PanelSlack));
  made.blocks.resize(static_cast<std::size_t>(n_blocks));
  if (bias != nullptr) made.bias.assign(made.rows.size(), 0.0F);
  cpu::run_workers(n_workers, [&](int worker) {
    const std::int64_t last = cpu::part_begin(n_blocks, 1, worker + 1, n_workers);
    for (std::int64_t b = cpu::part_begin(n_blocks, 1, worker, n_workers); b < last; ++b) {
      const std::int64_t first = b * kInt8BlockItems;
      const std::int64_t n_rows = std::min(kInt8BlockItems, vectors.n_rows - first);
      const std::int32_t* rows = made.rows.data() + first;
      made.blocks[static_cast<std::size_t>(b)] =
          make_block(vectors, bias, rows, n_rows, largest[static_cast<std::size_t>(rows[0])],
                     made.panels.data() + b * kInt8BlockPanels * panel_bytes, panel_bytes);
      if (bias == nullptr) continue;
      for (std::int64_t i = 0; i < n_rows; ++i) made.bias[static_cast<std::size_t>(first + i)] = bias[rows[i]];
    }
  });
  return made;
}

}  // namespace segue::kernels
