#include "cli/tune_trial.h"

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "cli/run_directory.h"
#include "cli/train_run.h"
#include "ranking/metrics.h"
#include "support/errors.h"
#include "support/progress.h"
#include "support/storage.h"

namespace segue::cli {
namespace {

/// Log lines go into the run's log.txt too, as long as this lives.
class RunLogFile {
 public:
  explicit RunLogFile(const RunFiles& files) { log_to_file(files.log().string()); }
  ~RunLogFile() { log_to_file(""); }
  RunLogFile(const RunLogFile&) = delete;
  RunLogFile& operator=(const RunLogFile&) = delete;
};

/// Those of evaluation.metrics that a validation measures, without the one it measures anyway.
std::vector<std::string> more_metrics(const Configuration& configuration) {
  std::vector<std::string> names;
  for (const std::string& name : configuration.evaluation.metrics) {
    if (name != configuration.training.metric && ranking::MetricName::parse(name).name != "coverage")
      names.push_back(name);
  }
  return names;
}

/// The validation metrics of one epoch, from the training log of a run.
Json metrics_of_epoch(const RunFiles& files, std::int64_t epoch, const std::vector<std::string>& names) {
  Json metrics = Json::object();
  std::istringstream lines(storage::read_file(files.training_log()));
  for (std::string line; std::getline(lines, line);) {
    const Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || entry.value("kind", "") != "epoch" || entry.value("epoch", std::int64_t{0}) != epoch)
      continue;
    for (const std::string& name : names)
      if (entry.contains(name)) metrics[name] = entry.at(name);
  }
  return metrics;
}

}  // namespace

tuning::Trial run_trial(const PlannedTrial& planned, std::int64_t number, const Dataset& dataset,
                        const ChosenDevice& device) {
  const Configuration& configuration = planned.configuration;
  const RunFiles files{configuration.output.run};
  const bool resume = !configuration.model.is_filter() && std::filesystem::exists(files.latest());
  if (!resume) std::filesystem::remove_all(files.directory);
  std::filesystem::create_directories(files.directory);

  tuning::Trial trial;
  trial.number = number;
  trial.values = tuning::to_json(planned.values);
  trial.metric = configuration.training.metric;
  std::vector<std::string> names = more_metrics(configuration);
  const auto start = std::chrono::steady_clock::now();
  try {
    const RunLogFile log(files);
    const Json training = train_run(configuration, dataset, device, files, {.resume = resume, .more_metrics = names});
    const std::string where = files.manifest().string();
    trial.value = json_get<double>(training, "best_metric", where);
    names.insert(names.begin(), trial.metric);
    if (training.contains("best_epoch")) {
      trial.best_epoch = json_get<std::int64_t>(training, "best_epoch", where);
      trial.metrics = metrics_of_epoch(files, *trial.best_epoch, names);
    } else {
      for (const std::string& name : names)
        trial.metrics[name] = training.value("metrics", Json::object()).value(name, Json());
    }
  } catch (const NumericError& error) {
    trial.error = error.what();
  }
  trial.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return trial;
}

}  // namespace segue::cli
