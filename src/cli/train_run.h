#pragma once

#include <string>
#include <vector>

#include "cli/configuration.h"
#include "cli/device.h"
#include "cli/run_directory.h"
#include "dataset/dataset.h"
#include "support/json.h"

namespace segue::cli {

/// How a run is made, beside what its configuration says.
struct TrainRunOptions {
  bool resume = false;                    ///< from checkpoints/latest; a filter has none
  std::vector<std::string> more_metrics;  ///< validation metrics that are measured beside training.metric
};

/// Trains the model of the configuration, of whatever kind, into the run directory `files`: config.yaml, manifest.json,
/// training log and checkpoints.
/// @returns what the manifest says of the training: metric, best_metric (null where nothing was validated), best_epoch
///          for what has epochs, seconds, ...
/// @throws Interrupted, NumericError, and what training and fitting throw
Json train_run(const Configuration& configuration, const Dataset& dataset, const ChosenDevice& device,
               const RunFiles& files, const TrainRunOptions& options = {});

}  // namespace segue::cli
