#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "features/feature_pipeline.h"
#include "features/vocabulary.h"
#include "model_file/safetensors.h"
#include "support/json.h"

namespace segue::model_file {

inline constexpr int kBundleVersion = 3;
/// A bundle without intervals of items states 2, one without item features either 1, so that older programs go on
/// reading it. One with them they must refuse: they would recommend what is not available, or build a model of another
/// input and blame the weights.
inline constexpr int kBundleVersionWithoutIntervals = 2;
inline constexpr int kBundleVersionWithoutItemFeatures = 1;

/// What export writes and recommend reads: a directory of
///
///   manifest.json              format "segue bundle", version, model kind, model options and feature specs, checksums
///   weights.safetensors        parameters under the names of the model
///   items.txt                  item vocabulary, one JSON string a line
///   features.json              fitted transforms of events
///   item_features.json         fitted transforms of items; this and the next only where the dataset has item features
///   item_features.safetensors  under each one's name: codes (i32) or values (f32) [n_items + 1]; the last row is the
///                              unknown item. Of several codes an item: all codes (i32), and under NAME.offsets (i64)
///                              [n_items + 2] where those of an item begin
///   availability.safetensors   from_ms, until_ms (i64) [n_items]: when items can be recommended, from <= time < until;
///                              only where something is known of it
///   model.pt                   TorchScript for others' Python; never read by Segue
struct Bundle {
  Json manifest;
  features::Vocabulary items;
  features::FeaturePipeline pipeline, item_pipeline;
  std::unique_ptr<SafetensorsFile> weights, item_features;          ///< item_features: nullptr without
  std::vector<std::int64_t> available_from_ms, available_until_ms;  ///< [n_items], or both empty

  /// @throws DataError  not a bundle, damaged (names the file), newer version
  static Bundle open(const std::filesystem::path& directory);
};

/// What a bundle says of the items beside their ids.
struct ItemTables {
  features::FeaturePipeline pipeline;         ///< the fitted transforms; without any feature nothing is written
  std::map<std::string, TensorBytes> tables;  ///< by the name of the feature
  std::span<const std::int64_t> available_from_ms = {}, available_until_ms = {};  ///< [n_items], or both empty
};

/// Writes all files but model.pt into `directory` (a fresh one; see storage::write_directory_with) and last the
/// manifest with the checksums of every file found there. `manifest` holds "model" (kind and options) and what the
/// caller wants kept.
void write_bundle_files(const std::filesystem::path& directory, Json manifest, const features::Vocabulary& items,
                        const features::FeaturePipeline& pipeline, const std::map<std::string, TensorBytes>& weights,
                        const ItemTables& item_features = {});

}  // namespace segue::model_file
