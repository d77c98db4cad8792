#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/configuration.h"
#include "dataset/dataset.h"
#include "model_kinds/any_model.h"

namespace segue::cli {

/// A trained model and the dataset to judge it on, from a run directory or from a bundle.
struct TrainedModel {
  Configuration configuration;  ///< of the run, or what the bundle keeps of it; overrides applied
  Dataset dataset;
  model_kinds::AnyModel model;
  std::int64_t epoch = 0;           ///< that the weights were taken after
  std::filesystem::path weights;    ///< the file they came from
  std::filesystem::path directory;  ///< of the run; empty for a bundle, which nothing is written into
};

/// A bundle holds no dataset: data.prepared names one, whose items and fitted features have to be the bundle's (it was
/// prepared from the same training events, whatever its later parts are). The settings that the run was exported with
/// are the defaults.
/// @throws UsageError   a bundle without data.prepared
/// @throws DataError    neither run nor bundle, damaged, or a dataset that does not fit: says why and what to do
/// @throws ConfigError  a wrong override
TrainedModel open_trained_model(const std::filesystem::path& run_or_bundle, const std::vector<std::string>& overrides);

}  // namespace segue::cli
