#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/device.h"
#include "cli/run_directory.h"
#include "cli/train_run.h"
#include "dataset/prepare.h"
#include "support/errors.h"
#include "support/progress.h"

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
  const Json training = train_run(configuration, dataset, device, files, {.resume = resume, .more_metrics = {}});
  log_to_file("");
  Json printed = {{"run", files.directory.string()}};
  for (const auto& [key, value] : training.items()) printed[key] = value;
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
