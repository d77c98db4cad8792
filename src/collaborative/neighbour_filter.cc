#include "collaborative/neighbour_filter.h"

#include <algorithm>
#include <utility>

namespace segue::collaborative {

NeighbourFilter::NeighbourFilter(const FilterOptions& options, std::int32_t n_items, double history_half_life,
                                 NeighbourRows rows)
    : Filter(options, n_items), history_half_life_(history_half_life), rows_(std::move(rows)) {}

void NeighbourFilter::fill(std::span<const ItemRow> history, std::span<float> scores) const {
  std::fill(scores.begin(), scores.end(), 0.0F);
  rows_.add_to(weighted_items(history, n_items(), history_half_life_), scores);
}

}  // namespace segue::collaborative
