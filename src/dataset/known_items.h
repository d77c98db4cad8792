#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "dataset/prepare.h"
#include "features/vocabulary.h"
#include "support/ids.h"

namespace segue::dataset {

/// What training events teach of the items that were read, by their number.
struct ItemCounts {
  std::span<const std::int64_t> n_training;      ///< training events
  std::span<const std::int64_t> first_training;  ///< input number of the first of them
};

/// The catalogue: items of the training part in the order in which it meets them, then, with data.items.untrained,
/// those that the files of items list beside them.
struct KnownItems {
  features::Vocabulary items;
  std::int32_t n_trained = 0;
  std::vector<std::int64_t> counts;  ///< [items.size()], training events
  std::vector<ItemRow> row_of_item;  ///< of each item that was read; items.size() for unknown ones
};

/// @param read        ids of the items that were read, by their number
/// @param is_integer  whether the ids of events are whole numbers all
/// @throws DataError  no item is left to train on
KnownItems choose_known_items(const DataOptions& options, const features::Vocabulary& read, const ItemCounts& counts,
                              const std::vector<std::filesystem::path>& item_files, bool is_integer);

}  // namespace segue::dataset
