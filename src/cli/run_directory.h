#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/configuration.h"
#include "dataset/dataset.h"
#include "model_kinds/any_model.h"
#include "support/json.h"

namespace segue::cli {

/// The files of a run directory (README, "Files").
struct RunFiles {
  std::filesystem::path directory;
  [[nodiscard]] std::filesystem::path config() const { return directory / "config.yaml"; }
  [[nodiscard]] std::filesystem::path manifest() const { return directory / "manifest.json"; }
  [[nodiscard]] std::filesystem::path log() const { return directory / "log.txt"; }
  [[nodiscard]] std::filesystem::path training_log() const { return directory / "training.jsonl"; }
  [[nodiscard]] std::filesystem::path best() const { return directory / "checkpoints" / "best.safetensors"; }
  [[nodiscard]] std::filesystem::path latest() const { return directory / "checkpoints" / "latest.safetensors"; }
  [[nodiscard]] std::filesystem::path evaluation() const { return directory / "evaluation.json"; }
  [[nodiscard]] std::filesystem::path report() const { return directory / "report.html"; }
};

enum class CheckpointChoice { kBest, kLatest };  ///< kBest falls back to the latest when no epoch was evaluated

/// A trained run, opened: the configuration it was trained with, its dataset and the model with its trained weights
/// (the average where the run keeps one).
struct RunDirectory {
  RunFiles files;
  Configuration configuration;
  Json manifest;
  Dataset dataset;
  model_kinds::AnyModel model;
  std::filesystem::path checkpoint;  ///< the file the weights came from
  Json training_state;               ///< of the checkpoint: step, epoch, best_metric, ...
};

/// True when `path` holds a run (config.yaml is there) rather than a bundle.
bool is_run_directory(const std::filesystem::path& path);

/// Opens a run to read from it. `overrides` ("evaluation.positions=every") are applied on top of its config.yaml.
/// @throws DataError    no run, no checkpoint, a damaged one, or one of other data or another model: says how to go on
/// @throws ConfigError  a wrong override
RunDirectory open_run(const std::filesystem::path& path, const std::vector<std::string>& overrides = {},
                      CheckpointChoice choice = CheckpointChoice::kBest);

/// Configuration and manifest alone: for what needs no dataset and no weights (report).
struct RunSummary {
  RunFiles files;
  Configuration configuration;
  Json manifest;
};
RunSummary open_run_summary(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

/// The identity that a checkpoint carries and that a later command compares: model options and the data it was trained
/// on, whose fingerprint covers what is known of events and items.
Json run_identity(const Configuration& configuration, const Dataset& dataset);

}  // namespace segue::cli
