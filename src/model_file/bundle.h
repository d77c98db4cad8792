#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "features/feature_pipeline.h"
#include "features/vocabulary.h"
#include "model_file/safetensors.h"
#include "support/json.h"

namespace segue::model_file {

inline constexpr int kBundleVersion = 1;

/// What export writes and recommend reads: a directory of
///   manifest.json        format "segue bundle", version, model kind, model options and feature specs, checksums of all
///   files weights.safetensors  parameters under the names of the model items.txt            item vocabulary, one JSON
///   string a line features.json        fitted transforms model.pt             TorchScript for others' Python; never
///   read by Segue
struct Bundle {
  Json manifest;
  features::Vocabulary items;
  features::FeaturePipeline pipeline;
  std::unique_ptr<SafetensorsFile> weights;

  /// @throws DataError  not a bundle, damaged (names the file), newer version
  static Bundle open(const std::filesystem::path& directory);
};

/// Writes all files but model.pt into `directory` (a fresh one; see storage::write_directory_with) and last the
/// manifest with the checksums of every file found there. `manifest` holds "model" (kind and options) and what the
/// caller wants kept.
void write_bundle_files(const std::filesystem::path& directory, Json manifest, const features::Vocabulary& items,
                        const features::FeaturePipeline& pipeline, const std::map<std::string, TensorBytes>& weights);

}  // namespace segue::model_file
