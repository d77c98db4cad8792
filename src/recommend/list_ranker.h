#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "item_index/item_index.h"
#include "kernels/int8_items.h"
#include "recommend/bundle_model.h"
#include "recommend/history_reader.h"
#include "recommend/item_filter.h"

namespace segue::recommend {

/// Ranks the catalogue for histories by the model of a bundle. Thread-safe.
class ListRanker {
 public:
  /// All must outlive the ranker.
  /// @param index  of the bundle (open_bundle_index), whose vectors are searched then; nullptr: those of the model
  ListRanker(const BundleModel& model, const item_index::ItemIndex* index, const ItemFilter& filter,
             std::int64_t max_length, std::int64_t k, bool hide_seen);
  /// Lists of the histories [first, first + n) of a chunk.
  /// @param items, scores  [n * k]: list i at i * k, best first, kNoItem and -inf at the end of a list that had too few
  ///                       candidates
  void rank(const HistoryChunk& chunk, std::size_t first, std::size_t n, std::span<std::int32_t> items,
            std::span<float> scores) const;
  [[nodiscard]] std::int64_t k() const { return k_; }

 private:
  /// Session vectors, [n, dim].
  [[nodiscard]] std::vector<float> session_vectors(const HistoryChunk& chunk, std::size_t first, std::size_t n) const;
  /// Lists of inner products alone, without the items `listed` for each history.
  void search(kernels::MatrixView<const float> queries, const kernels::ItemLists& listed, std::span<std::int32_t> items,
              std::span<float> scores) const;
  const BundleModel& model_;
  const item_index::ItemIndex* index_;
  const ItemFilter& filter_;
  std::int64_t max_length_, k_;
  bool hide_seen_;
  kernels::ItemMatrix items_;     ///< of the index or the model; nothing is hidden in it
  kernels::Int8ItemArrays int8_;  ///< of a large catalogue without an index
};

}  // namespace segue::recommend
