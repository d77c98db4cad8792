#include "evaluation/evaluate.h"

#include <cstdio>
#include <ctime>

#include "cli/command.h"
#include "cli/device.h"
#include "cli/run_directory.h"
#include "models/model_scorer.h"
#include "support/progress.h"
#include "support/storage.h"

namespace segue::cli {
namespace {

struct EvaluateArguments {
  std::string path;
  std::vector<std::string> overrides;
};

/// Each look at the test part is recorded, so that a figure that was selected on it can be told: returns how many there
/// were, this one counted.
int record_test_access(const std::filesystem::path& run, const Json& protocol,
                       const std::filesystem::path& checkpoint) {
  const auto path = run / "test_accesses.jsonl";
  Json access;
  access["time"] = static_cast<std::int64_t>(std::time(nullptr));
  access["checkpoint"] = storage::file_checksum(checkpoint);
  access["protocol"] = storage::checksum(protocol.dump());
  storage::append_line(path, access.dump());
  const auto text = storage::read_file(path);
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

void run_evaluate(const EvaluateArguments& arguments, const GlobalOptions& global) {
  auto run = open_run(arguments.path, arguments.overrides);
  const auto& configuration = run.configuration;
  const auto device = set_up_device(configuration);
  run.model->to(device.torch_device);

  models::ModelScorer scorer(*run.model, run.dataset, configuration.training.max_length, device.n_threads);
  auto evaluation =
      evaluation::evaluate(run.dataset, {&scorer}, configuration.evaluation, configuration.seed, device.n_threads);
  evaluation["protocol"]["checkpoint_epoch"] = run.training_state.value("epoch", 0);
  if (configuration.evaluation.protocol.part == Part::kTest)
    evaluation["protocol"]["test_accesses"] =
        record_test_access(run.files.directory, evaluation["protocol"], run.checkpoint);
  write_json(run.files.evaluation(), evaluation);

  if (global.json) {
    std::puts(evaluation.dump().c_str());
    return;
  }
  std::fputs(evaluation::table(evaluation).c_str(), stdout);
  std::printf("\nwritten to %s\n", run.files.evaluation().c_str());
}

}  // namespace

void add_evaluate(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<EvaluateArguments>();
  auto* command = app.add_subcommand("evaluate", "Rank the whole catalogue: model and baselines, side by side");
  command->add_option("run", arguments->path, "Run directory written by `segue train`")->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: any configuration key, for example evaluation.part=validation");
  command->callback([arguments, &global] { run_evaluate(*arguments, global); });
}

}  // namespace segue::cli
