#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/device.h"
#include "cli/run_directory.h"
#include "cli/tune_plan.h"
#include "cli/tune_trial.h"
#include "dataset/prepare.h"
#include "support/aligned_rows.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"
#include "support/storage.h"
#include "training/validation.h"
#include "tuning/search_directory.h"
#include "tuning/trial_log.h"

namespace segue::cli {
namespace {

constexpr std::size_t kShown = 10;

struct TuneArguments {
  std::string config, out;
  std::vector<std::string> overrides;
  std::int64_t trials = 0;
  bool resume = false, overwrite = false;
};

std::string value_text(const tuning::Trial& trial) {
  if (trial.failed()) return "failed";
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", *trial.value);
  return text;
}

std::string table(const std::vector<tuning::Trial>& ranked, const tuning::TuneOptions& options) {
  const bool has_epochs = std::any_of(ranked.begin(), ranked.end(),
                                      [](const tuning::Trial& trial) { return trial.best_epoch.has_value(); });
  std::vector<std::vector<std::string>> rows = {{"trial", options.metric}};
  if (has_epochs) rows[0].push_back("best_epoch");
  rows[0].push_back("seconds");
  for (const auto& searched : options.search) rows[0].push_back(searched.key);
  for (std::size_t i = 0; i < std::min(kShown, ranked.size()); ++i) {
    const tuning::Trial& trial = ranked[i];
    std::vector<std::string> row = {std::to_string(trial.number), value_text(trial)};
    if (has_epochs) row.push_back(trial.best_epoch ? std::to_string(*trial.best_epoch) : "-");
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.1f", trial.seconds);
    row.emplace_back(seconds);
    for (const auto& [key, value] : trial.values.items())
      row.push_back(value.is_string() ? value.get<std::string>() : value.dump());
    rows.push_back(std::move(row));
  }
  return aligned_rows(rows);
}

void print(const tuning::TrialLog& log, const TunePlan& plan, const tuning::SearchDirectory& search,
           const GlobalOptions& global) {
  const tuning::Trial* best = log.best();
  if (best == nullptr)
    throw NumericError("all " + std::to_string(log.size()) + " trials failed; " + search.trials().string() +
                       " says why: search over smaller steps, as of training.learning_rate");
  const std::string config = search.best_config().string(), run = search.run(best->number).string();
  const auto ranked = log.ranked();
  if (global.json) {
    Json trials = Json::array();
    for (const auto& trial : ranked) trials.push_back(trial.to_json());
    print_result(global, {{"metric", plan.options.metric},
                          {"best", best->to_json()},
                          {"config", config},
                          {"run", run},
                          {"trials", trials}});
    return;
  }
  std::fputs(table(ranked, plan.options).c_str(), stdout);
  if (ranked.size() > kShown) std::printf("(%zu trials in all: %s)\n", ranked.size(), search.trials().c_str());
  std::printf("\nbest: %s, trained in %s\n", config.c_str(), run.c_str());
}

/// Leaves weights where they are of use: those of the best trial. best.yaml is that trial's configuration.
void keep_best(const tuning::TrialLog& log, const TunePlan& plan, const tuning::SearchDirectory& search) {
  const tuning::Trial* best = log.best();
  if (best != nullptr) storage::write_file(search.best_config(), plan.config_of(best->number));
  for (const auto& trial : log.trials()) {
    const RunFiles files{search.run(trial.number)};
    std::filesystem::remove(files.latest());
    if (&trial != best) std::filesystem::remove(files.best());
  }
  if (best != nullptr && !std::filesystem::exists(RunFiles{search.run(best->number)}.best()))
    log_warning(search.run(best->number).string() +
                ": the weights of the best trial are gone; train them again: segue " + "train " +
                search.best_config().string());
}

/// Trials that were run before have to be those that would be drawn now.
void check_drawn(const tuning::TrialLog& log, const TunePlan& plan, const tuning::SearchDirectory& search) {
  for (const auto& trial : log.trials()) {
    if (trial.values == tuning::to_json(plan.trials[static_cast<std::size_t>(trial.number - 1)].values) &&
        trial.metric == plan.options.metric)
      continue;
    throw DataError(search.trials().string() + ":" + std::to_string(trial.number) +
                    ": not a trial of this search, whose values or metric are others: the file was changed; take this "
                    "line and all below it out, and --resume runs those trials again");
  }
}

void run_trials(const TunePlan& plan, const tuning::SearchDirectory& search, const Dataset& dataset,
                const ChosenDevice& device, tuning::TrialLog& log) {
  const auto n_trials = static_cast<std::int64_t>(plan.trials.size());
  const std::string how_to_resume = "; the same command with --resume goes on";
  double seconds = 0;
  for (const auto& trial : log.trials()) seconds += trial.seconds;
  while (log.size() < n_trials) {
    const std::int64_t number = log.size() + 1;
    const std::string name = "trial " + std::to_string(number) + "/" + std::to_string(n_trials);
    const PlannedTrial& planned = plan.trials[static_cast<std::size_t>(number - 1)];
    if (const int signal = interrupt_signal(); signal != 0)
      throw Interrupted(signal, "stopped before " + name + how_to_resume);
    log_info(name + ": " + tuning::text_of(planned.values) + (number == 1 ? " (as configured)" : ""));
    try {
      log.add(run_trial(planned, number, dataset, device));
    } catch (const Interrupted&) {
      throw Interrupted(interrupt_signal(), "stopped in " + name + how_to_resume);
    }
    keep_best(log, plan, search);
    const tuning::Trial& trial = log.trials().back();
    seconds += trial.seconds;
    if (trial.failed()) log_warning(name + " failed: " + trial.error);
    std::string text = name + ": " + plan.options.metric + " " + value_text(trial);
    if (const tuning::Trial* best = log.best())
      text += ", best so far " + value_text(*best) + " (trial " + std::to_string(best->number) + ")";
    if (number < n_trials)
      text += ", about " +
              human_duration(seconds / static_cast<double>(number) * static_cast<double>(n_trials - number)) + " left";
    log_info(text);
  }
}

void run_tune(const TuneArguments& arguments, const GlobalOptions& global) {
  std::vector<std::string> overrides = arguments.overrides;
  if (arguments.trials > 0) overrides.push_back("tune.trials=" + std::to_string(arguments.trials));
  const tuning::SearchDirectory search{arguments.out};
  const std::int64_t n_before = arguments.resume ? tuning::TrialLog(search.trials()).size() : 0;
  const TunePlan plan = TunePlan::make(arguments.config, overrides, search, n_before);
  search.claim(arguments.resume, arguments.overwrite);

  const Configuration& first = plan.trials.front().configuration;
  const ChosenDevice device = set_up_device(first);
  prepare(first.data, device.n_threads);
  const Dataset dataset = Dataset::open(first.data.prepared);
  if (training::Validation(dataset, first.evaluation.protocol, {plan.options.metric}, first.training.max_length,
                           device.n_threads)
          .empty())
    throw DataError(first.data.prepared + ": no validation targets, by which trials are judged; see data.split and " +
                    "data.validation_events");
  search.keep({{"metric", plan.options.metric},
               {"seed", plan.options.seed},
               {"search", plan.options.search_json()},
               {"data", {{"fingerprint", dataset.fingerprint()}}},
               {"settings", plan.settings}});
  tuning::TrialLog log(search.trials());
  check_drawn(log, plan, search);
  keep_best(log, plan, search);
  run_trials(plan, search, dataset, device, log);
  print(log, plan, search, global);
}

}  // namespace

void add_tune(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<TuneArguments>();
  auto* command =
      app.add_subcommand("tune", "Search for better settings: a run a trial, judged on the validation part");
  command->add_option("config", arguments->config, "Configuration file (YAML) whose section tune says what is searched")
      ->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: any configuration key, for example tune.metric=recall@100");
  command->add_option("--out", arguments->out, "Folder for trials.jsonl, best.yaml and the run of each trial")
      ->required();
  command->add_option("--trials", arguments->trials, "How many trials, the first as configured; default: tune.trials")
      ->check(CLI::PositiveNumber)
      ->default_str("");
  auto* resume = command->add_flag("--resume", arguments->resume,
                                   "Go on with the search that the folder holds; more --trials go on behind the last");
  command->add_flag("--overwrite", arguments->overwrite, "Replace the search that the folder holds")->excludes(resume);
  command->callback([arguments, &global] { run_tune(*arguments, global); });
}

}  // namespace segue::cli
