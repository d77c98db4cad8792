#include "cli/train_run.h"

#include <cmath>
#include <memory>

#include "cli/environment.h"
#include "cli/fit_filter.h"
#include "model_kinds/any_model.h"
#include "support/progress.h"
#include "support/storage.h"
#include "training/resident_memory.h"
#include "training/trainer.h"

namespace segue::cli {
namespace {

std::int64_t n_parameters(const models::Model& model) {
  std::int64_t n = 0;
  for (const auto& [name, parameter] : model.parameters()) n += parameter.numel();
  return n;
}

Json describe(const training::TrainingResult& result, const training::TrainingOptions& options) {
  const auto rounded = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
  return {{"epochs", result.epochs},
          {"updates", result.steps},
          {"best_epoch", result.best_epoch},
          {"metric", options.metric},
          {"best_metric", rounded(result.best_metric)},
          {"last_loss", rounded(result.last_loss)},
          {"stopped_early", result.stopped_early},
          {"targets", result.n_targets},
          {"seconds", result.seconds},
          {"events_per_s", result.events_per_s},
          {"epoch_targets", result.epoch_targets},
          {"epoch_updates", result.epoch_updates},
          {"negatives_per_target", result.negatives_per_target},
          {"flop_per_target", result.flop_per_target}};
}

}  // namespace

Json train_run(const Configuration& configuration, const Dataset& dataset, const ChosenDevice& chosen,
               const RunFiles& files, const TrainRunOptions& options) {
  ChosenDevice device = chosen;
  const std::string kind = configuration.model.kind();
  const Json identity = run_identity(configuration, dataset);
  Json manifest = {{"format", "segue run"},
                   {"version", 1},
                   {"model", kind},
                   {"seed", configuration.seed},
                   {"device", device.description},
                   {"threads", device.n_threads},
                   {"data",
                    {{"prepared", configuration.data.prepared},
                     {"fingerprint", dataset.fingerprint()},
                     {"n_items", dataset.n_items()},
                     {"n_sequences", dataset.n_sequences()},
                     {"n_events", dataset.n_events()}}},
                   {"versions", versions()},
                   {"machine", machine()}};
  std::unique_ptr<models::Model> model;
  if (!configuration.model.is_filter()) {
    model = model_kinds::make_model(configuration.model, dataset.n_items(), dataset.pipeline().specs(),
                                    models::ItemFeatures::of(dataset));
    model->initialize(configuration.seed, dataset.n_trained_items());
    device = place_model(*model, chosen, training::resident_bytes(*model, configuration.training), "training");
    manifest["device"] = device.description;
    manifest["n_parameters"] = n_parameters(*model);
  }
  if (!options.resume) {
    storage::write_file(files.config(), configuration.resolved);
    write_json(files.manifest(), manifest);
  }
  log_info("training " + kind + " (" + (model ? with_thousands(n_parameters(*model)) + " parameters, " : "") +
           with_thousands(dataset.n_items()) + " items) on " + (model ? device.description : "the CPU"));
  if (model) {
    const training::TrainingResult result = training::train(*model, dataset, configuration.training,
                                                            {.directory = files.directory,
                                                             .seed = configuration.seed,
                                                             .n_threads = device.n_threads,
                                                             .resume = options.resume,
                                                             .identity = identity,
                                                             .validation = configuration.evaluation.protocol,
                                                             .more_metrics = options.more_metrics});
    manifest["training"] = describe(result, configuration.training);
  } else {
    manifest["training"] = fit_filter(configuration, dataset, files, identity, device.n_threads, options.more_metrics);
  }
  write_json(files.manifest(), manifest);
  return manifest["training"];
}

}  // namespace segue::cli
