#pragma once

namespace segue::dataset {

// The prepared directory: these files, and nothing else, belong to it.
inline constexpr const char* kFormat = "segue dataset";
inline constexpr int kVersion = 3;
/// Without intervals of items a dataset states version 2, without item features version 1: older programs read those
/// too. They would take one with what they do not know for one without.
inline constexpr int kVersionWithoutIntervals = 2;
inline constexpr int kVersionWithoutItemFeatures = 1;
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kEventsFile = "events.arrow";  ///< item, time_ms, reward, "feature:<name>": a row an event
inline constexpr const char* kSequencesFile =
    "sequences.arrow";  ///< id, begin, train_end, valid_end; one row more than sequences: the end
inline constexpr const char* kItemsFile = "items.txt";     ///< ids of items in the order of their rows
inline constexpr const char* kCountsFile = "items.arrow";  ///< n_training: events of the training part, an item a row
inline constexpr const char* kFeaturesFile = "features.json";  ///< the fitted transforms of events
// Only where data.items says something of the items:
inline constexpr const char* kItemFeaturesFile =
    "item_features.arrow";  ///< "feature:<name>", available_from_ms, available_until_ms: an item a row, then the
                            ///< unknown
inline constexpr const char* kItemTransformsFile = "item_features.json";  ///< the fitted transforms

}  // namespace segue::dataset
