#pragma once

#include <cstdint>
#include <vector>

#include "recommend/bundle_model.h"
#include "recommend/history_reader.h"

namespace segue::recommend {

/// Vectors of the histories [first, first + n) of a chunk by a model that has_vectors(), [n, dim]. On the calling
/// thread; the bits of one do not depend on the others.
/// @param input       what the model reads of the chunk
/// @param max_length  events of a history that a model trained by gradient sees; a filter sees all
std::vector<float> history_vectors(const BundleModel& model, const HistoryChunk& chunk, const ModelInput& input,
                                   std::size_t first, std::size_t n, std::int64_t max_length);

/// The distinct items of a history's latest `max_length` events that the model knows, rising.
std::vector<ItemRow> visited_items(const BundleModel& model, const HistoryChunk::History& history,
                                   const ModelInput& input, std::int64_t max_length);

/// What a visited item's logit gains (visited_weights).
/// @param current  the item of the latest event
inline float visited_weight(const BundleModel& model, ItemRow item, ItemRow current) {
  return model.visited_weights[item == current ? 0 : 1];
}

}  // namespace segue::recommend
