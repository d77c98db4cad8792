#include "collaborative/neighbour_rows.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "collaborative/balanced_ranges.h"
#include "collaborative/tensor_values.h"
#include "support/errors.h"

namespace segue::collaborative {
namespace {

constexpr const char* kOffsets = "neighbours.offsets";
constexpr const char* kItems = "neighbours.items";
constexpr const char* kWeights = "neighbours.weights";

/// What one thread has made: its rows follow those of the thread before it.
struct Part {
  std::vector<std::int64_t> lengths;
  std::vector<Neighbour> entries;
};

}  // namespace

void keep_largest(std::vector<Neighbour>& row, std::int64_t n, Largest by, std::vector<float>& keys) {
  if (n == 0 || static_cast<std::int64_t>(row.size()) <= n) return;
  const auto key_of = [by](const Neighbour& a) { return by == Largest::kMagnitude ? std::abs(a.weight) : a.weight; };
  keys.clear();
  for (const Neighbour& neighbour : row) keys.push_back(key_of(neighbour));
  // The n-th largest key: those above it stay, and of those equal to it the first.
  std::nth_element(keys.begin(), keys.begin() + (n - 1), keys.end(), std::greater<>());
  const float least = keys[static_cast<std::size_t>(n - 1)];
  const auto n_above =
      std::count_if(row.begin(), row.end(), [&](const Neighbour& neighbour) { return key_of(neighbour) > least; });
  std::int64_t n_equal = n - n_above;
  std::erase_if(row, [&](const Neighbour& neighbour) {
    const float key = key_of(neighbour);
    return key < least || (key == least && n_equal-- <= 0);
  });
}

NeighbourRows NeighbourRows::make(std::int32_t n_items, int n_threads, const std::function<double(std::int64_t)>& cost,
                                  const std::function<MakeRow()>& worker) {
  std::vector<Part> parts(static_cast<std::size_t>(n_threads));
  balanced_ranges(n_items, n_threads, cost, [&](std::int64_t begin, std::int64_t end, int thread) {
    Part& part = parts[static_cast<std::size_t>(thread)];
    const MakeRow make_row = worker();
    std::vector<Neighbour> row;
    for (std::int64_t item = begin; item < end; ++item) {
      row.clear();
      make_row(static_cast<ItemRow>(item), row);
      part.lengths.push_back(static_cast<std::int64_t>(row.size()));
      part.entries.insert(part.entries.end(), row.begin(), row.end());
    }
  });
  NeighbourRows rows;
  for (Part& part : parts) {
    for (const std::int64_t length : part.lengths) rows.offsets_.push_back(rows.offsets_.back() + length);
    for (const auto& [item, weight] : part.entries) {
      rows.items_.push_back(item);
      rows.weights_.push_back(weight);
    }
    part = {};  // a part is given back before the next one is copied
  }
  return rows;
}

std::vector<Neighbour> NeighbourRows::row(ItemRow item) const {
  std::vector<Neighbour> neighbours;
  const auto i = static_cast<std::size_t>(item);
  for (auto e = static_cast<std::size_t>(offsets_[i]); e < static_cast<std::size_t>(offsets_[i + 1]); ++e)
    neighbours.push_back({items_[e], weights_[e]});
  return neighbours;
}

void NeighbourRows::add_to(std::span<const WeightedItem> history, std::span<float> scores) const {
  for (const auto& [item, weight] : history) {
    const auto i = static_cast<std::size_t>(item);
    const auto end = static_cast<std::size_t>(offsets_[i + 1]);
    for (auto e = static_cast<std::size_t>(offsets_[i]); e < end; ++e)
      scores[static_cast<std::size_t>(items_[e])] += weight * weights_[e];
  }
}

std::map<std::string, model_file::TensorBytes> NeighbourRows::tensors() const {
  using model_file::DType;
  return {{kOffsets, tensor_of(DType::kI64, {static_cast<std::int64_t>(offsets_.size())}, offsets_)},
          {kItems, tensor_of(DType::kI32, {n_entries()}, items_)},
          {kWeights, tensor_of(DType::kF32, {n_entries()}, weights_)}};
}

NeighbourRows NeighbourRows::load(const model_file::SafetensorsFile& file, std::int32_t n_items) {
  using model_file::DType;
  NeighbourRows rows;
  rows.offsets_ = values_of<std::vector<std::int64_t>>(file.expect(kOffsets, DType::kI64, {n_items + std::int64_t{1}}));
  const auto fail = [&](const std::string& fault) {
    throw DataError(file.path().string() + ": the tensor '" + fault +
                    "; the file is damaged: copy it again, or train anew");
  };
  if (rows.offsets_.front() != 0 || !std::is_sorted(rows.offsets_.begin(), rows.offsets_.end()))
    fail(std::string(kOffsets) + "' does not rise from 0");
  const std::int64_t n_entries = rows.offsets_.back();
  rows.items_ = values_of<std::vector<ItemRow>>(file.expect(kItems, DType::kI32, {n_entries}));
  rows.weights_ = values_of<std::vector<float>>(file.expect(kWeights, DType::kF32, {n_entries}));
  for (const ItemRow item : rows.items_) {
    if (item < 0 || item >= n_items) fail(std::string(kItems) + "' names item " + std::to_string(item));
  }
  return rows;
}

}  // namespace segue::collaborative
