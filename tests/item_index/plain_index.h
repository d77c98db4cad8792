#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "item_index/index_writer.h"
#include "item_index/item_index.h"
#include "kernels/top_k.h"

namespace segue::item_index {

/// Lists of ids and scores, [n_queries, k].
struct FoundLists {
  std::vector<float> scores;
  std::vector<std::int64_t> ids;
  bool operator==(const FoundLists&) const = default;
};

inline kernels::Device cpu(int n_threads) { return {kernels::Device::Kind::kCpu, n_threads, nullptr}; }

/// Whole numbers, so that many scores are equal.
inline std::vector<float> whole_numbers(std::size_t n, unsigned seed, int largest = 3) {
  std::mt19937 draw(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(static_cast<int>(draw() % (2 * largest + 1)) - largest);
  return values;
}

/// What an index should hold, kept as plainly as can be: items in the order of their rows.
class PlainIndex {
 public:
  explicit PlainIndex(std::int64_t dim) : dim_(dim) {}
  void add(const std::vector<float>& vectors, const std::vector<std::int64_t>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (std::find(ids_.begin(), ids_.end(), ids[i]) != ids_.end()) remove(ids[i]);
      ids_.push_back(ids[i]);
      const auto from = vectors.begin() + static_cast<std::ptrdiff_t>(i) * dim_;
      vectors_.insert(vectors_.end(), from, from + dim_);
    }
  }
  /// Many at once, called 0, 1, 2, ...
  void add_all(const std::vector<float>& vectors) {
    vectors_ = vectors;
    ids_.resize(vectors.size() / static_cast<std::size_t>(dim_));
    std::iota(ids_.begin(), ids_.end(), std::int64_t{0});
  }
  void remove(std::int64_t id) {
    const auto at = std::find(ids_.begin(), ids_.end(), id) - ids_.begin();
    ids_.erase(ids_.begin() + at);
    vectors_.erase(vectors_.begin() + at * dim_, vectors_.begin() + (at + 1) * dim_);
  }
  /// By the scalar definition.
  [[nodiscard]] FoundLists search(const std::vector<float>& queries, std::int64_t k) const {
    const auto n_queries = static_cast<std::int64_t>(queries.size()) / dim_;
    FoundLists lists;
    lists.scores.resize(static_cast<std::size_t>(n_queries * k));
    std::vector<std::int32_t> rows(lists.scores.size());
    kernels::ItemMatrix items;
    items.vectors = {vectors_.data(), static_cast<std::int64_t>(ids_.size()), dim_};
    kernels::top_k({queries.data(), n_queries, dim_}, items, {}, k, {lists.scores.data(), n_queries, k},
                   {rows.data(), n_queries, k}, {kernels::Device::Kind::kReference, 1, nullptr});
    for (const auto row : rows) lists.ids.push_back(row < 0 ? kNoItemId : ids_[static_cast<std::size_t>(row)]);
    return lists;
  }
  [[nodiscard]] const std::vector<std::int64_t>& ids() const { return ids_; }

 private:
  std::int64_t dim_;
  std::vector<std::int64_t> ids_;
  std::vector<float> vectors_;
};

inline FoundLists search(const ItemIndex& index, const std::vector<float>& queries, SearchOptions options) {
  const auto n_queries = static_cast<std::int64_t>(queries.size()) / index.dim();
  FoundLists lists;
  lists.scores.resize(static_cast<std::size_t>(n_queries * options.k));
  lists.ids.resize(lists.scores.size());
  index.search({queries.data(), n_queries, index.dim()}, options, {lists.scores.data(), n_queries, options.k},
               {lists.ids.data(), n_queries, options.k});
  return lists;
}

/// `vectors` [n, dim] as items to add.
inline NewItems items_of(const std::vector<float>& vectors, std::int64_t dim, std::vector<std::int64_t> ids = {}) {
  NewItems items;
  items.vectors = {vectors.data(), static_cast<std::int64_t>(vectors.size()) / dim, dim};
  items.ids = std::move(ids);
  return items;
}

}  // namespace segue::item_index
