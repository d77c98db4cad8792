#include "models/item_features.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace segue::models {

void ItemFeatures::add(features::FeatureSpec spec, std::span<const std::int32_t> codes, std::span<const float> values,
                       std::span<const std::int64_t> code_offsets) {
  const auto n = static_cast<std::int64_t>(spec.categorical ? codes.size() : values.size());
  at::Tensor table = at::empty({n}, spec.categorical ? at::kLong : at::kFloat);
  if (spec.categorical)
    std::copy(codes.begin(), codes.end(), table.mutable_data_ptr<std::int64_t>());
  else
    std::copy(values.begin(), values.end(), table.mutable_data_ptr<float>());
  at::Tensor ends;
  if (spec.multiple) {
    ends = at::empty({static_cast<std::int64_t>(code_offsets.size())}, at::kLong);
    std::copy(code_offsets.begin(), code_offsets.end(), ends.mutable_data_ptr<std::int64_t>());
  }
  offsets.push_back(std::move(ends));
  specs.push_back(std::move(spec));
  tables.push_back(std::move(table));
}

ItemFeatures ItemFeatures::of(const Dataset& dataset) {
  ItemFeatures features;
  for (const auto& feature : dataset.item_features())
    features.add(feature.spec, feature.codes, feature.values, feature.offsets);
  return features;
}

void ItemFeatures::check(std::int32_t n_items) const {
  if (specs.size() != tables.size() || specs.size() != offsets.size())
    throw std::invalid_argument("ItemFeatures: specs, tables and offsets differ in number");
  for (std::size_t f = 0; f < specs.size(); ++f) {
    const auto& table = tables[f];
    const auto fail = [&](const std::string& fault) {
      throw std::invalid_argument("ItemFeatures: the table of '" + specs[f].name + "' " + fault);
    };
    if (specs[f].multiple != offsets[f].defined()) fail("needs offsets where items have several codes, and only there");
    if (specs[f].multiple) {
      check_offsets(f, n_items);
    } else if (table.dim() != 1 || table.size(0) != n_items + 1) {
      fail("needs a row an item and one for the unknown item: " + std::to_string(n_items + 1));
    }
    if (table.scalar_type() != (specs[f].categorical ? at::kLong : at::kFloat)) fail("is of the wrong type");
    if (!specs[f].categorical || table.numel() == 0) continue;
    if (table.min().item<std::int64_t>() < 0 || table.max().item<std::int64_t>() >= specs[f].n_codes)
      fail("holds a code outside [0, " + std::to_string(specs[f].n_codes) + ")");
  }
}

void ItemFeatures::check_offsets(std::size_t f, std::int32_t n_items) const {
  const auto& ends = offsets[f];
  const auto fail = [&](const std::string& fault) {
    throw std::invalid_argument("ItemFeatures: the offsets of '" + specs[f].name + "' " + fault);
  };
  if (!specs[f].categorical || ends.dim() != 1 || ends.scalar_type() != at::kLong || ends.size(0) != n_items + 2)
    fail("need one entry more than there are items and the unknown item: " + std::to_string(n_items + 2));
  const at::Tensor here = ends.to(at::kCPU).contiguous();
  const std::span<const std::int64_t> numbers(here.const_data_ptr<std::int64_t>(),
                                              static_cast<std::size_t>(here.numel()));
  if (tables[f].dim() != 1 || numbers.front() != 0 || numbers.back() != tables[f].size(0) ||
      !std::is_sorted(numbers.begin(), numbers.end()))
    fail("do not rise from 0 to the number of codes");
}

void ItemFeatures::to(at::Device device) {
  for (auto& table : tables) table = table.to(device);
  for (auto& ends : offsets)
    if (ends.defined()) ends = ends.to(device);
}

std::int64_t ItemFeatures::input_dim(std::int64_t feature_dim) const {
  std::int64_t dim = 0;
  for (const auto& spec : specs) dim += spec.categorical ? std::min<std::int64_t>(feature_dim, spec.n_codes) : 1;
  return dim;
}

at::Tensor mean_of_codes(const at::Tensor& weight, const at::Tensor& codes, const at::Tensor& offsets,
                         const at::Tensor& rows) {
  const at::Tensor begins = offsets.index_select(0, rows);
  const at::Tensor lengths = offsets.index_select(0, rows + 1) - begins;
  const at::Tensor bag_ends = lengths.cumsum(0), bag_begins = bag_ends - lengths;
  // The i-th code of a bag is the i-th of its item.
  const at::Tensor shifts = (begins - bag_begins).repeat_interleave(lengths);
  const at::Tensor chosen = codes.index_select(0, at::arange(shifts.size(0), shifts.options()) + shifts);
  constexpr std::int64_t kMean = 1;
  return std::get<0>(at::embedding_bag(weight, chosen, bag_begins, /*scale_grad_by_freq=*/false, kMean));
}

}  // namespace segue::models
