#include "collaborative/history_items.h"

#include <algorithm>
#include <cmath>

namespace segue::collaborative {
namespace {

bool is_known(ItemRow item, std::int32_t n_items) { return item >= 0 && item < n_items; }

}  // namespace

std::vector<WeightedItem> weighted_items(std::span<const ItemRow> history, std::int32_t n_items, double half_life) {
  std::vector<WeightedItem> items;
  items.reserve(history.size());
  for (std::size_t back = 0; back < history.size(); ++back) {
    const ItemRow item = history[history.size() - 1 - back];
    if (!is_known(item, n_items)) continue;
    const double weight = half_life > 0 ? std::exp2(-static_cast<double>(back) / half_life) : 1.0;
    items.push_back({item, static_cast<float>(weight)});
  }
  // Latest first among equal rows, and a weight never rises with age: the first of a row is its latest occurrence.
  std::sort(items.begin(), items.end(), [](const WeightedItem& a, const WeightedItem& b) {
    return a.item != b.item ? a.item < b.item : a.weight > b.weight;
  });
  const auto same_item = [](const WeightedItem& a, const WeightedItem& b) { return a.item == b.item; };
  items.erase(std::unique(items.begin(), items.end(), same_item), items.end());
  return items;
}

std::vector<ItemRow> distinct_items(std::span<const ItemRow> history, std::int32_t n_items) {
  std::vector<ItemRow> items;
  items.reserve(history.size());
  for (const ItemRow item : history) {
    if (is_known(item, n_items)) items.push_back(item);
  }
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return items;
}

}  // namespace segue::collaborative
