#include "models/item_features.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace segue::models {

void ItemFeatures::add(features::FeatureSpec spec, std::span<const std::int32_t> codes, std::span<const float> values) {
  const auto n = static_cast<std::int64_t>(spec.categorical ? codes.size() : values.size());
  at::Tensor table = at::empty({n}, spec.categorical ? at::kLong : at::kFloat);
  if (spec.categorical)
    std::copy(codes.begin(), codes.end(), table.mutable_data_ptr<std::int64_t>());
  else
    std::copy(values.begin(), values.end(), table.mutable_data_ptr<float>());
  specs.push_back(std::move(spec));
  tables.push_back(std::move(table));
}

ItemFeatures ItemFeatures::of(const Dataset& dataset) {
  ItemFeatures features;
  for (const auto& feature : dataset.item_features()) features.add(feature.spec, feature.codes, feature.values);
  return features;
}

void ItemFeatures::check(std::int32_t n_items) const {
  if (specs.size() != tables.size()) throw std::invalid_argument("ItemFeatures: specs and tables differ in number");
  for (std::size_t f = 0; f < specs.size(); ++f) {
    const auto& table = tables[f];
    const auto fail = [&](const std::string& fault) {
      throw std::invalid_argument("ItemFeatures: the table of '" + specs[f].name + "' " + fault);
    };
    if (table.dim() != 1 || table.size(0) != n_items + 1)
      fail("needs a row an item and one for the unknown item: " + std::to_string(n_items + 1));
    if (table.scalar_type() != (specs[f].categorical ? at::kLong : at::kFloat)) fail("is of the wrong type");
    if (!specs[f].categorical) continue;
    if (table.min().item<std::int64_t>() < 0 || table.max().item<std::int64_t>() >= specs[f].n_codes)
      fail("holds a code outside [0, " + std::to_string(specs[f].n_codes) + ")");
  }
}

std::int64_t ItemFeatures::input_dim(std::int64_t feature_dim) const {
  std::int64_t dim = 0;
  for (const auto& spec : specs) dim += spec.categorical ? std::min<std::int64_t>(feature_dim, spec.n_codes) : 1;
  return dim;
}

}  // namespace segue::models
