#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dataset/prepare.h"
#include "events/event_reader.h"
#include "features/feature_pipeline.h"
#include "features/vocabulary.h"

namespace segue::dataset {

/// What the files of data.items say of the items of a vocabulary.
struct ItemFeatures {
  features::FeaturePipeline pipeline;            ///< fitted on the items of the vocabulary alone, each once
  std::vector<features::FeatureColumn> columns;  ///< [n_items + 1] each: 0 for the unknown item, the last, and for
                                                 ///< items that the files do not list; no codes where several can be
  /// Both [n_items + 1], open for those; or both empty.
  std::vector<std::int64_t> available_from_ms, available_until_ms;
  std::int64_t n_rows = 0;        ///< good rows, of known and other items
  std::int64_t n_not_listed = 0;  ///< items of the vocabulary
  events::SkippedRows skipped;
};

/// Reads the files and fits the transforms. Memory grows with the rows of the files.
/// @param training_end_ms  the latest time of a training event, or kMissingTime without times
/// @throws DataError  a file that cannot be read; unless bad rows are skipped, an item listed twice or without an id, a
/// value that cannot be read: file, row, column, remedy
/// @param n_trained  items with training events, the first ones: the transforms are fitted on them alone
ItemFeatures read_item_features(const DataOptions& options, std::vector<std::filesystem::path> files,
                                const features::Vocabulary& items, std::int32_t n_trained,
                                std::int64_t training_end_ms);

/// The ids that the files list, in their order. Errors as above.
std::vector<std::string> listed_items(const DataOptions& options, std::vector<std::filesystem::path> files);

/// Writes kItemFeaturesFile and kItemTransformsFile.
void write_item_features(const ItemFeatures& features, const std::filesystem::path& directory,
                         const std::filesystem::path& scratch);

}  // namespace segue::dataset
