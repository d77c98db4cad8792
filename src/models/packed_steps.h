#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace segue::models {

/// Where the steps of a packed batch lie: positions [begins[t], begins[t] + sizes[t]) are step t.
struct PackedSteps {
  explicit PackedSteps(const at::Tensor& batch_sizes) {
    const auto* data = batch_sizes.const_data_ptr<std::int64_t>();
    sizes.assign(data, data + batch_sizes.size(0));
    for (const std::int64_t size : sizes) begins.push_back(begins.back() + size);
  }
  std::vector<std::int64_t> sizes, begins{0};
  [[nodiscard]] std::size_t count() const { return sizes.size(); }
  [[nodiscard]] std::int64_t n_rows() const { return sizes.front(); }
  /// Steps that a row runs.
  [[nodiscard]] std::size_t length(std::int64_t row) const {
    const auto end = std::partition_point(sizes.begin(), sizes.end(), [&](std::int64_t size) { return size > row; });
    return static_cast<std::size_t>(end - sizes.begin());
  }
};

}  // namespace segue::models
