#pragma once

#include <string>
#include <vector>

#include "cli/configuration.h"
#include "cli/run_directory.h"
#include "dataset/dataset.h"
#include "support/json.h"

namespace segue::cli {

/// Fits the collaborative filter of the configuration, measures it on the validation part (unless it learns from that),
/// and writes it to checkpoints/best.safetensors. There is nothing to resume: an interrupted fit begins anew.
/// @param more_metrics  measured on the validation part beside training.metric
/// @returns what the manifest and the terminal say of it: seconds, metric, bytes of its weights; with more_metrics all
///          validation metrics by name
/// @throws Interrupted, and what collaborative::fit() throws
Json fit_filter(const Configuration& configuration, const Dataset& dataset, const RunFiles& files, const Json& identity,
                int n_threads, const std::vector<std::string>& more_metrics = {});

}  // namespace segue::cli
