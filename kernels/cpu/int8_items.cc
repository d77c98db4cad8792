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

/// Positions that a block of so many items takes: whole pairs of panels.
std::int64_t padded(std::int64_t n_items) {
  constexpr std::int64_t kPair = 2 * kInt8PanelItems;
  return (n_items + kPair - 1) / kPair * kPair;
}

/// Where element `i` of the item at `place` of a block lies in the panels of the block.
std::int64_t offset_in_block(std::int64_t place, std::int64_t i, std::int64_t panel_bytes) {
  const std::int64_t lane = place % kInt8PanelItems;
  return place / kInt8PanelItems * panel_bytes + (i / 4 * kInt8PanelItems + lane) * 4 + i % 4;
}

/// Fills the panels of one block, and says what holds for it.
Int8Block make_block(const ItemVectors& vectors, const float* bias, const std::int32_t* rows, std::int64_t n_rows,
                     float largest, std::uint8_t* panels, std::int64_t panel_bytes) {
  std::fill_n(panels, padded(n_rows) / kInt8PanelItems * panel_bytes, static_cast<std::uint8_t>(kOffset));
  const bool bounded = std::isfinite(largest);
  // A scale so small that its inverse overflows is as good as 0.
  const float scale = bounded && largest > 1e-30F ? largest / kLevels : 0.0F;
  const double inverse = scale > 0 ? 1.0 / scale : 0.0;
  double max_norm = 0;
  double max_error = 0;
  double max_size = 0;
  FloatRows widened(vectors);
  for (std::int64_t place = 0; place < n_rows; ++place) {
    const float* x = widened.row(rows[place]);
    double norm = 0;
    double error = 0;
    double size = 0;
    for (std::int64_t i = 0; i < vectors.n_cols; ++i) {
      const double level = bounded ? std::nearbyint(x[i] * inverse) : 0.0;
      panels[offset_in_block(place, i, panel_bytes)] = static_cast<std::uint8_t>(static_cast<int>(level) + kOffset);
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
    max_size = std::max(max_size, bias == nullptr ? size : std::max<double>(size, std::fabs(bias[rows[place]])));
    if (bias != nullptr && !std::isfinite(bias[rows[place]])) max_size = kInfinity;
  }
  if (!bounded || !(max_size < 1e37)) return {0.0F, 0.0F, kInfinity, kInfinity};
  return {scale, upwards(max_norm), upwards(max_error), upwards(max_size)};
}

/// The order of items by group, and in a group by falling largest element.
std::vector<std::int32_t> order_of(const std::int32_t* groups, const std::vector<float>& largest) {
  std::vector<std::int32_t> order(largest.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    const auto i = static_cast<std::size_t>(a);
    const auto j = static_cast<std::size_t>(b);
    if (groups != nullptr && groups[i] != groups[j]) return groups[i] < groups[j];
    return largest[i] != largest[j] ? largest[i] > largest[j] : a < b;
  });
  return order;
}

/// Cuts each group into blocks as equal as can be, and where elements become much smaller: they would share a scale
/// that leaves nothing of them. @returns how many of the items, in their order, each block takes.
std::vector<std::int64_t> cut_groups(const std::vector<std::int64_t>& group_sizes,
                                     const std::vector<std::int32_t>& order, const std::vector<float>& largest,
                                     std::vector<std::int64_t>& first_blocks) {
  constexpr float kMuchSmaller = 1.0F / 8;
  std::vector<std::int64_t> sizes;
  first_blocks = {0};
  auto begin = order.begin();
  for (const std::int64_t n : group_sizes) {
    const auto end_of_group = begin + n;
    while (begin != end_of_group) {
      const std::int64_t left = end_of_group - begin;
      // Equal blocks in whole pairs of panels: lists of 257 items would else be mostly padding.
      const std::int64_t n_blocks = (left + kInt8BlockItems - 1) / kInt8BlockItems;
      const std::int64_t most = std::min(left, padded((left + n_blocks - 1) / n_blocks));
      const float limit = largest[static_cast<std::size_t>(*begin)] * kMuchSmaller;
      const auto end = std::partition_point(
          begin, begin + most, [&](std::int32_t row) { return largest[static_cast<std::size_t>(row)] >= limit; });
      sizes.push_back(end - begin);
      begin = end;
    }
    first_blocks.push_back(std::ssize(sizes));
  }
  return sizes;
}

}  // namespace

Int8ItemArrays make_int8_items(const ItemVectors& vectors, const float* bias, int n_threads) {
  std::vector<std::int64_t> first_blocks;
  return make_grouped_int8_items(vectors, bias, nullptr, 1, n_threads, first_blocks);
}

Int8ItemArrays make_grouped_int8_items(const ItemVectors& vectors, const float* bias, const std::int32_t* groups,
                                       std::int64_t n_groups, int n_threads, std::vector<std::int64_t>& first_blocks) {
  if (vectors.dtype == DType::kInt8)
    throw std::invalid_argument("make_int8_items: the items are int8 already, and need no copy");
  require_well_formed(vectors, "make_int8_items");
  if (vectors.n_cols > kInt8MaxDim || vectors.n_rows > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("make_int8_items: " + std::to_string(vectors.n_rows) + " items of " +
                                std::to_string(vectors.n_cols) + " dimensions, and at most 2^31 - 1 of " +
                                std::to_string(kInt8MaxDim) + " can be");
  }
  const auto n_workers = static_cast<int>(
      std::clamp<std::int64_t>((vectors.n_rows + kInt8BlockItems - 1) / kInt8BlockItems, 1, n_threads));
  std::vector<float> largest(static_cast<std::size_t>(vectors.n_rows));
  cpu::run_workers(n_workers, [&](int worker) {
    FloatRows widened(vectors);
    const std::int64_t end = cpu::part_begin(vectors.n_rows, 1, worker + 1, n_workers);
    for (std::int64_t row = cpu::part_begin(vectors.n_rows, 1, worker, n_workers); row < end; ++row)
      largest[static_cast<std::size_t>(row)] = largest_element(widened.row(row), vectors.n_cols);
  });
  const std::vector<std::int32_t> order = order_of(groups, largest);
  std::vector<std::int64_t> group_sizes(static_cast<std::size_t>(n_groups), 0);
  for (std::int64_t row = 0; row < vectors.n_rows; ++row)
    ++group_sizes[groups == nullptr ? 0 : static_cast<std::size_t>(groups[row])];
  const std::vector<std::int64_t> sizes = cut_groups(group_sizes, order, largest, first_blocks);

  Int8ItemArrays made;
  made.n_items = vectors.n_rows;
  made.dim = vectors.n_cols;
  made.blocks.resize(sizes.size());
  std::vector<std::int64_t> begins = {0};  // of each block in the order
  made.firsts = {0};
  for (const std::int64_t size : sizes) {
    begins.push_back(begins.back() + size);
    made.firsts.push_back(made.firsts.back() + padded(size));
  }
  const std::int64_t panel_bytes = made.view().panel_bytes();
  const auto n_positions = static_cast<std::size_t>(made.firsts.back());
  made.panels.resize(n_positions / kInt8PanelItems * static_cast<std::size_t>(panel_bytes) + kInt8PanelSlack);
  made.rows.assign(n_positions, -1);
  if (bias != nullptr) made.bias.assign(n_positions, 0.0F);
  cpu::run_workers(n_workers, [&](int worker) {
    const std::int64_t last = cpu::part_begin(std::ssize(sizes), 1, worker + 1, n_workers);
    for (auto b = static_cast<std::size_t>(cpu::part_begin(std::ssize(sizes), 1, worker, n_workers));
         b < static_cast<std::size_t>(last); ++b) {
      const std::int32_t* rows = order.data() + begins[b];
      const std::int64_t first = made.firsts[b];
      std::copy_n(rows, sizes[b], made.rows.begin() + first);
      made.blocks[b] = make_block(vectors, bias, rows, sizes[b], largest[static_cast<std::size_t>(rows[0])],
                                  made.panels.data() + first / kInt8PanelItems * panel_bytes, panel_bytes);
      if (bias == nullptr) continue;
      for (std::int64_t i = 0; i < sizes[b]; ++i) made.bias[static_cast<std::size_t>(first + i)] = bias[rows[i]];
    }
  });
  return made;
}

}  // namespace segue::kernels
