#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/ids.h"

namespace segue::collaborative {

struct WeightedItem {
  ItemRow item = 0;
  float weight = 1;
  bool operator==(const WeightedItem&) const = default;
};

/// The distinct items of a history in rising row, so that sums over them have one order whatever the history's; items
/// outside [0, n_items) are left out, but count as events.
/// @param half_life  events; h > 0: an item weighs 2^(-events after its latest occurrence / h);  0: 1
std::vector<WeightedItem> weighted_items(std::span<const ItemRow> history, std::int32_t n_items, double half_life);

/// Their rows alone.
std::vector<ItemRow> distinct_items(std::span<const ItemRow> history, std::int32_t n_items);

}  // namespace segue::collaborative
