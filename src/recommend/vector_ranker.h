#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "item_index/device_segment.h"
#include "kernels/int8_items.h"
#include "kernels/top_k.h"
#include "recommend/list_ranker.h"

namespace segue::recommend {

/// By inner product of a history's vector with those of items: for models trained by gradient, and for ials.
class VectorRanker : public ListRanker {
 public:
  VectorRanker(const BundleModel& model, const item_index::ItemIndex* index, const ItemFilter& filter,
               std::int64_t max_length, std::int64_t k, bool hide_seen, const kernels::Device& device);
  void rank(const HistoryChunk& chunk, std::size_t first, std::size_t n, std::span<std::int32_t> items,
            std::span<float> scores) const override;
  [[nodiscard]] std::int64_t k() const override { return k_; }

 private:
  /// Lists of inner products alone, of the `allowed` items (a bitset; nullptr: all) without those `listed` for each
  /// history.
  void search(kernels::MatrixView<const float> queries, const std::uint32_t* allowed, const kernels::ItemLists& listed,
              std::span<std::int32_t> items, std::span<float> scores) const;
  /// The same of the items that are available when each of the histories asks.
  /// @param offsets, listed  items left out for each history
  void search_available(std::span<const HistoryChunk::History> histories, std::span<const float> queries,
                        std::span<const std::int64_t> offsets, std::span<const std::int32_t> listed,
                        std::span<std::int32_t> items, std::span<float> scores) const;
  const BundleModel& model_;
  const item_index::ItemIndex* index_;
  const ItemFilter& filter_;
  std::int64_t max_length_, k_;
  bool hide_seen_;
  kernels::Device device_;
  kernels::ItemMatrix items_;                             ///< of the index or the model; nothing is hidden in it
  kernels::Int8ItemArrays int8_;                          ///< of a large catalogue without an index
  std::unique_ptr<item_index::DeviceSegment> on_device_;  ///< CUDA: of a catalogue without an index
};

}  // namespace segue::recommend
