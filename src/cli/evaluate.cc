#include "evaluation/evaluate.h"

#include <cstdio>
#include <ctime>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/device.h"
#include "cli/trained_model.h"
#include "model_kinds/any_model.h"
#include "support/errors.h"
#include "support/storage.h"
#include "training/resident_memory.h"

namespace segue::cli {
namespace {

struct EvaluateArguments {
  std::string path, out;
  std::vector<std::string> beside, overrides;
};

/// A model under the name that it has in this evaluation.
class NamedScorer : public ranking::Scorer {
 public:
  NamedScorer(std::string name, std::unique_ptr<ranking::Scorer> scorer)
      : name_(std::move(name)), scorer_(std::move(scorer)) {}
  [[nodiscard]] std::string name() const override { return name_; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    scorer_->score(queries, scores);
  }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return scorer_->tie_order(); }

 private:
  std::string name_;
  std::unique_ptr<ranking::Scorer> scorer_;
};

std::unique_ptr<ranking::Scorer> scorer_of(TrainedModel& trained, const ChosenDevice& device, std::string name) {
  if (auto& model = trained.model.by_gradient)
    place_model(*model, device, training::resident_bytes(*model), "evaluation");
  return std::make_unique<NamedScorer>(
      std::move(name), model_kinds::make_scorer(trained.model, trained.dataset,
                                                trained.configuration.training.max_length, device.n_threads));
}

/// The kind of a model; behind it, where another has the same, the folder it comes from.
std::string name_of(const TrainedModel& trained, const std::filesystem::path& path, std::set<std::string>& taken) {
  std::string name = trained.configuration.model.kind();
  if (!taken.insert(name).second) {
    name += " (" + path.lexically_normal().string() + ")";
    taken.insert(name);
  }
  return name;
}

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
  std::set<std::string> names;
  std::vector<std::unique_ptr<ranking::Scorer>> scorers;
  scorers.push_back(scorer_of(trained, device, name_of(trained, arguments.path, names)));
  std::vector<TrainedModel> others;
  others.reserve(arguments.beside.size());  // scorers point into it
  for (const std::string& path : arguments.beside) {
    TrainedModel& other = others.emplace_back(open_trained_model(path, {}));
    if (other.dataset.fingerprint() != trained.dataset.fingerprint())
      throw DataError(path + " was trained on other data than " + arguments.path +
                      ": models are compared on one prepared dataset, so train both with the same section data");
    scorers.push_back(scorer_of(other, device, name_of(other, path, names)));
  }
  std::vector<ranking::Scorer*> models;
  for (const auto& scorer : scorers) models.push_back(scorer.get());
  auto evaluation =
      evaluation::evaluate(trained.dataset, models, configuration.evaluation, configuration.seed, device.n_threads);
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
  command->add_option("--beside", arguments->beside,
                      "Run directory of another model on the same data, judged on the same queries; may be repeated");
  command->add_option("--out", arguments->out,
                      "Folder for evaluation.json; default: the run directory, and none for a bundle: it is printed");
  command->callback([arguments, &global] { run_evaluate(*arguments, global); });
}

}  // namespace segue::cli
