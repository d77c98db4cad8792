#include "dataset/known_items.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "dataset/item_features.h"
#include "events/text_values.h"
#include "support/errors.h"

namespace segue::dataset {

KnownItems choose_known_items(const DataOptions& options, const features::Vocabulary& read, const ItemCounts& counts,
                              const std::vector<std::filesystem::path>& item_files, bool is_integer) {
  const auto n_read = static_cast<std::size_t>(read.size());
  std::vector<std::size_t> trained;
  for (std::size_t item = 0; item < n_read; ++item) {
    if (counts.n_training[item] >= options.min_item_count) trained.push_back(item);
  }
  if (trained.empty()) {
    throw DataError(
        "no item is left to train on: no training event, or every item rarer than data.filters.min_item_count " +
        std::to_string(options.min_item_count) + ", in sequences of at least " +
        std::to_string(options.min_sequence_length) + " events");
  }
  std::sort(trained.begin(), trained.end(),
            [&](std::size_t a, std::size_t b) { return counts.first_training[a] < counts.first_training[b]; });
  KnownItems known;
  const auto add = [&](std::string_view id) {
    is_integer = is_integer && events::is_canonical_integer(id);
    known.items.add(id);
  };
  for (const auto item : trained) {
    add(read.id(static_cast<std::int32_t>(item)));
    known.counts.push_back(counts.n_training[item]);
  }
  known.n_trained = known.items.size();
  if (options.items.untrained) {
    for (const auto& id : listed_items(options, item_files))
      if (known.items.find(id) == kNoItem) add(id);
  }
  known.items.is_integer = is_integer;
  known.counts.resize(static_cast<std::size_t>(known.items.size()), 0);
  for (std::size_t item = 0; item < n_read; ++item) {
    const ItemRow row = known.items.find(read.id(static_cast<std::int32_t>(item)));
    known.row_of_item.push_back(row == kNoItem ? known.items.size() : row);
  }
  return known;
}

}  // namespace segue::dataset
