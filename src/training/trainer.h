#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "models/model.h"
#include "ranking/ranker.h"
#include "support/json.h"
#include "training/training_options.h"

namespace segue::training {

/// Where a run stands and lives. The directory gets training.jsonl (one JSON object a line: {"kind": "step" | "epoch",
/// "epoch", "step", "loss", "learning_rate", "events_per_s", ... and for epochs the validation metrics}), TensorBoard
/// events, checkpoints/latest.safetensors and checkpoints/best.safetensors.
struct TrainingRun {
  std::filesystem::path directory;
  std::uint64_t seed = 42;
  int n_threads = 1;
  bool resume = false;
  Json identity;  ///< stored in checkpoints and compared on resume: model, data fingerprint, training options
  ranking::RankingProtocol validation;         ///< how the validation metric is measured (part is kValidation)
  std::vector<std::string> more_metrics = {};  ///< measured and logged beside the metric that chooses the best epoch
  std::function<void(std::int64_t step)> after_step = {};  ///< called after every update
};

struct TrainingResult {
  std::int64_t epochs = 0, steps = 0, best_epoch = 0;
  double best_metric = 0;                ///< NaN when nothing was validated
  double seconds = 0, events_per_s = 0;  ///< of the updates alone, without validation and checkpoints; this call's
  double last_loss = 0;                  ///< mean over the last epoch's targets
  std::int64_t n_targets = 0;            ///< trained on in this call
  bool stopped_early = false;
  // What a rate is worth: work of one epoch.
  std::int64_t epoch_targets = 0, epoch_updates = 0;
  std::int64_t negatives_per_target = 0;  ///< items that each target is compared with, for an update of average size
  double flop_per_target = 0;             ///< forward and backward, body and output layer
};

/// Trains `model` on `dataset`. Same build, instruction set, thread count, configuration, data and seed: the same bits;
/// a run stopped by a signal (throws Interrupted after saving) and resumed ends in the same bits as one that never
/// stopped.
/// On a device the host does not wait for each update: losses are fetched when a line is logged or a checkpoint is
/// written (every 256 updates at the latest), in one copy; until then a loss that is not finite goes unseen.
/// @throws NumericError  the loss is not finite: names the step; the last good checkpoint stays
/// @throws DeviceError   out of memory: names the batch and what helps; the last checkpoint stays
TrainingResult train(models::Model& model, const Dataset& dataset, const TrainingOptions& options,
                     const TrainingRun& run);

}  // namespace segue::training
