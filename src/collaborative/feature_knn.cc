// Cosines of the items' feature vectors, row by row: the terms of an item, the items that have them, and for numbers
// one product with every item.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "collaborative/add_multiple.h"
#include "collaborative/filters.h"
#include "collaborative/item_terms.h"
#include "collaborative/neighbour_filter.h"
#include "support/errors.h"

namespace segue::collaborative {
namespace {

/// @param cosines  [n_items], scratch;  @param keys  scratch
void make_row(const ItemTerms& terms, std::int64_t n_kept, ItemRow item, std::vector<float>& cosines,
              std::vector<float>& keys, std::vector<Neighbour>& row) {
  std::fill(cosines.begin(), cosines.end(), 0.0F);
  for (const auto& [term, weight] : terms.terms_of(item)) {
    for (const auto& [other, other_weight] : terms.items_with(term))
      cosines[static_cast<std::size_t>(other)] += weight * other_weight;
  }
  for (std::size_t number = 0; number < terms.n_numbers(); ++number) {
    const auto values = terms.numbers(number);
    const float value = values[static_cast<std::size_t>(item)];
    if (value != 0) add_multiple(values, value, cosines);
  }
  for (ItemRow other = 0; other < terms.n_items(); ++other) {
    const float cosine = cosines[static_cast<std::size_t>(other)];
    if (cosine > 0 && other != item) row.push_back({other, cosine});
  }
  keep_largest(row, n_kept, Largest::kWeight, keys);
}

}  // namespace

std::unique_ptr<Filter> fit_kind(const FeatureKnnOptions& options, const Dataset& dataset,
                                 const FitSettings& settings) {
  if (dataset.item_features().empty()) {
    throw ConfigError(
        "model.kind: feature_knn needs features of items, and the dataset has none: name the files that list items "
        "and their features (data.items) and prepare it again, or use model.kind: item_knn");
  }
  const std::int32_t n_items = dataset.n_items();
  const ItemTerms terms(dataset.item_features(), n_items);
  const auto cost = [&](std::int64_t item) {
    double n = static_cast<double>(n_items) * static_cast<double>(1 + terms.n_numbers());
    for (const auto& term : terms.terms_of(static_cast<ItemRow>(item)))
      n += static_cast<double>(terms.items_with(term.term).size());
    return n;
  };
  const auto worker = [&]() -> NeighbourRows::MakeRow {
    return [&terms, &options, cosines = std::vector<float>(static_cast<std::size_t>(n_items)),
            keys = std::vector<float>()](ItemRow item, std::vector<Neighbour>& row) mutable {
      make_row(terms, options.neighbours, item, cosines, keys, row);
    };
  };
  auto rows = NeighbourRows::make(n_items, settings.n_threads, cost, worker);
  return std::make_unique<NeighbourFilter>(options, n_items, options.history_half_life, std::move(rows));
}

std::unique_ptr<Filter> load_kind(const FeatureKnnOptions& options, const WeightsFile& file, std::int32_t n_items) {
  return std::make_unique<NeighbourFilter>(options, n_items, options.history_half_life,
                                           NeighbourRows::load(file, n_items));
}

}  // namespace segue::collaborative
