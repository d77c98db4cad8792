#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/device.h"
#include "cli/environment.h"
#include "cli/fit_filter.h"
#include "cli/run_directory.h"
#include "dataset/prepare.h"
#include "model_kinds/any_model.h"
#include "support/errors.h"
#include "support/progress.h"
#include "support/storage.h"
#include "training/checkpoint.h"
#include "training/trainer.h"

namespace segue::cli {
namespace {

struct TrainArguments {
  std::string config, run;
  std::vector<std::string> overrides;
  bool resume = false, overwrite = false;
};

/// Nothing is there but the log of a run that failed before it began (no data, no device).
bool is_free(const RunFiles& files) {
  for (const auto& entry : std::filesystem::directory_iterator(files.directory))
    if (entry.path() != files.log()) return false;
  return true;
}

/// Sees to it that the directory may take this run; true when there is a checkpoint to resume from.
bool claim(const RunFiles& files, const TrainArguments& arguments) {
  const std::string directory = files.directory.string();
  const bool holds_run = is_run_directory(files.directory) || std::filesystem::exists(files.latest());
  if (arguments.resume) {
    if (!holds_run) throw DataError(directory + ": there is no run to resume; leave --resume out to start one");
    if (std::filesystem::exists(files.latest())) return true;
    log_warning(directory + (std::filesystem::exists(files.best())
                                 ? ": a filter has nothing to go on with; it is fitted anew"
                                 : ": the run has no checkpoint yet; it starts from the beginning"));
    return false;
  }
  if (holds_run && !arguments.overwrite)
    throw UsageError(
        directory +
        " already holds a run: --resume goes on with it, --overwrite replaces it, --run DIR takes another folder");
  if (std::filesystem::exists(files.directory) && !holds_run && !is_free(files))
    throw UsageError(directory + " is not empty and is no run: name another folder by --run DIR");
  if (holds_run) std::filesystem::remove_all(files.directory);
  return false;
}

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

void run_train(const TrainArguments& arguments, const GlobalOptions& global) {
  std::vector<std::string> overrides = arguments.overrides;
  if (!arguments.run.empty()) overrides.push_back("output.run=" + arguments.run);
  const Configuration configuration = Configuration::load(arguments.config, overrides);
  if (configuration.output.run.empty())
    throw UsageError("where should the run go? Set output.run in " + arguments.config + ", or pass --run DIR");
  const RunFiles files{configuration.output.run};
  const bool resume = claim(files, arguments);

  std::filesystem::create_directories(files.directory);
  log_to_file(files.log().string());
  const ChosenDevice device = set_up_device(configuration);
  prepare(configuration.data, device.n_threads);
  const Dataset dataset = Dataset::open(configuration.data.prepared);
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
    model->initialize(configuration.seed);
    model->to(device.torch_device);
    manifest["n_parameters"] = n_parameters(*model);
  }
  if (!resume) {
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
                                                             .resume = resume,
                                                             .identity = identity,
                                                             .validation = configuration.evaluation.protocol});
    manifest["training"] = describe(result, configuration.training);
  } else {
    manifest["training"] = fit_filter(configuration, dataset, files, identity, device.n_threads);
  }
  write_json(files.manifest(), manifest);
  log_to_file("");
  Json printed = {{"run", files.directory.string()}};
  for (const auto& [key, value] : manifest["training"].items()) printed[key] = value;
  print_result(global, printed);
}

}  // namespace

void add_train(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<TrainArguments>();
  auto* command = app.add_subcommand("train", "Train a model into a run directory");
  command->add_option("config", arguments->config, "Configuration file (YAML)")->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: any configuration key, for example training.epochs=3");
  command->add_option("--run", arguments->run, "Run directory; default: output.run of the configuration");
  auto* resume =
      command->add_flag("--resume", arguments->resume, "Go on with the run where its last checkpoint stands");
  command->add_flag("--overwrite", arguments->overwrite, "Replace the run that the directory holds")->excludes(resume);
  command->callback([arguments, &global] { run_train(*arguments, global); });
}

}  // namespace segue::cli
