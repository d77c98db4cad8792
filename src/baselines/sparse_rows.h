#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/ids.h"

namespace segue::baselines {

/// Rows of (column, value), one after another in memory.
struct SparseRows {
  struct Entry {
    ItemRow column = 0;
    float value = 0;
  };
  std::vector<std::int64_t> offsets = {0};
  std::vector<Entry> entries;

  [[nodiscard]] std::span<const Entry> row(std::size_t r) const {
    return std::span(entries).subspan(static_cast<std::size_t>(offsets[r]),
                                      static_cast<std::size_t>(offsets[r + 1] - offsets[r]));
  }
};

}  // namespace segue::baselines
