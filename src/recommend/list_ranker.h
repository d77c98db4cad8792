#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "item_index/item_index.h"
#include "recommend/bundle_model.h"
#include "recommend/history_reader.h"
#include "recommend/item_filter.h"

namespace segue::recommend {

/// Ranks the catalogue for histories by the model of a bundle. Thread-safe.
class ListRanker {
 public:
  virtual ~ListRanker() = default;
  /// Lists of the histories [first, first + n) of a chunk.
  /// @param items, scores  [n * k]: list i at i * k, best first, kNoItem and -inf at the end of a list that had too few
  ///                       candidates
  virtual void rank(const HistoryChunk& chunk, std::size_t first, std::size_t n, std::span<std::int32_t> items,
                    std::span<float> scores) const = 0;
  [[nodiscard]] virtual std::int64_t k() const = 0;
};

/// All must outlive the ranker.
/// @param index       of the bundle (open_bundle_index), whose vectors are searched then; nullptr: those of the model
/// @param device      where item vectors are searched; lists are the same everywhere
/// @param max_length  events of a history that a model trained by gradient sees; a filter sees all
std::unique_ptr<ListRanker> make_list_ranker(const BundleModel& model, const item_index::ItemIndex* index,
                                             const ItemFilter& filter, std::int64_t max_length, std::int64_t k,
                                             bool hide_seen, const kernels::Device& device);

}  // namespace segue::recommend
