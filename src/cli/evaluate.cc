#include "evaluation/evaluate.h"

#include <cstdio>
#include <ctime>

#include "cli/command.h"
#include "cli/device.h"
#include "cli/trained_model.h"
#include "model_kinds/any_model.h"
#include "support/errors.h"
#include "support/storage.h"

namespace segue::cli {
namespace {

struct EvaluateArguments {
  std::string path, out;
  std::vector<std::string> overrides;
};

/// Each look at the test part is recorded, so that a figure that was selected on it can be told: returns how many there
/// were, this one counted.
int record_test_access(const std::filesystem::path& directory, const Json& protocol,
                       const std::filesystem::path& weights) {
  const auto path = directory / "test_accesses.jsonl";
  Json access;
  access["time"] = static_cast<std::int64_t>(std::time(nullptr));
  access["checkpoint"] = storage::file_checksum(weights);
  access["protocol"] = storage::checksum(protocol.dump());
  storage::append_line(path, access.dump());
  const auto text = storage::read_file(path);
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

void print(const Json& evaluation, const std::filesystem::path& written) {
  std::fputs(evaluation::table(evaluation).c_str(), stdout);
  if (const int looks = evaluation["protocol"].value("test_accesses", 1); looks > 1)
    std::printf("\nlook %d at the test part: a figure chosen among several looks flatters\n", looks);
  if (!written.empty()) std::printf("\nwritten to %s\n", written.c_str());
}

void run_evaluate(const EvaluateArguments& arguments, const GlobalOptions& global) {
  auto trained = open_trained_model(arguments.path, arguments.overrides);
  const auto& configuration = trained.configuration;
  const auto device = set_up_device(configuration);
  if (trained.model.by_gradient) trained.model.by_gradient->to(device.torch_device);

  const auto scorer =
      model_kinds::make_scorer(trained.model, trained.dataset, configuration.training.max_length, device.n_threads);
  auto evaluation = evaluation::evaluate(trained.dataset, {scorer.get()}, configuration.evaluation, configuration.seed,
                                         device.n_threads);
  evaluation["protocol"]["checkpoint_epoch"] = trained.epoch;
  const std::filesystem::path out = arguments.out.empty() ? trained.directory : std::filesystem::path(arguments.out);
  if (!out.empty()) std::filesystem::create_directories(out);
  const auto& recorded_in = trained.directory.empty() ? out : trained.directory;
  if (configuration.evaluation.protocol.part == Part::kTest && !recorded_in.empty())
    evaluation["protocol"]["test_accesses"] = record_test_access(recorded_in, evaluation["protocol"], trained.weights);
  const auto written = out.empty() ? out : out / "evaluation.json";
  if (!written.empty()) write_json(written, evaluation);

  if (global.json) {
    std::puts(evaluation.dump().c_str());
  } else {
    print(evaluation, written);
  }
  if (const auto impossible = evaluation::models_above_bayes(evaluation); !impossible.empty())
    throw DataError(impossible.front() +
                    " ranks above the best that is possible (bayes): it saw what the bound did not, or "
                    "evaluation.bayes belongs to another world. Nothing in this evaluation can be trusted");
}

}  // namespace

void add_evaluate(CLI::App& app, GlobalOptions& global) {
  auto arguments = std::make_shared<EvaluateArguments>();
  auto* command = app.add_subcommand("evaluate", "Rank the whole catalogue: model and baselines, side by side");
  command
      ->add_option(
          "run_or_bundle", arguments->path,
          "Run directory that `segue train` wrote, or bundle that `segue export` wrote (with data.prepared=DIR)")
      ->required();
  command->add_option("overrides", arguments->overrides,
                      "key=value: any configuration key, for example evaluation.part=validation");
  command->add_option("--out", arguments->out,
                      "Folder for evaluation.json; default: the run directory, and none for a bundle: it is printed");
  command->callback([arguments, &global] { run_evaluate(*arguments, global); });
}

}  // namespace segue::cli
