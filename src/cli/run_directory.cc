#include "cli/run_directory.h"

#include "support/errors.h"
#include "training/checkpoint.h"

namespace segue::cli {
namespace {

constexpr int kManifestVersion = 1;

Json read_manifest(const RunFiles& files) {
  if (!std::filesystem::exists(files.manifest()))
    throw DataError(files.manifest().string() +
                    ": missing: this run was not begun by `segue train`, or its folder is damaged");
  Json manifest = read_json(files.manifest());
  check_format(manifest, "segue run", kManifestVersion, files.manifest().string());
  return manifest;
}

/// Refuses a checkpoint whose `part` of the identity is not that of the run: weights of another model or other data.
void require_same(const Json& saved, const Json& present, const std::string& part, const std::string& where,
                  const std::string& remedy) {
  if (!saved.contains(part) || saved.at(part) != present.at(part))
    throw DataError(where + ": its " + part + " differs from the run's configuration; " + remedy);
}

}  // namespace

bool is_run_directory(const std::filesystem::path& path) { return std::filesystem::exists(RunFiles{path}.config()); }

Json run_identity(const Configuration& configuration, const Dataset& dataset) {
  Json training = configuration.training.to_json();
  if (configuration.model.is_filter()) training = {{"include_validation", configuration.training.include_validation}};
  // Under a constant learning rate more epochs only go on where the run stopped.
  if (configuration.training.schedule == training::Schedule::kConstant) training.erase("epochs");
  return {{"model",
           {{"kind", configuration.model.kind()},
            {"options", configuration.model.to_json()},
            {"n_items", dataset.n_items()}}},
          {"data", dataset.fingerprint()},
          {"training", training}};
}

RunSummary open_run_summary(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  const RunFiles files{path};
  if (!std::filesystem::exists(path))
    throw DataError(path.string() + ": there is no such run directory; `segue train` makes one");
  if (!is_run_directory(path))
    throw DataError(path.string() + ": not a run directory (no config.yaml in it); `segue train CONFIG` makes one");
  return {files, Configuration::load(files.config(), overrides), read_manifest(files)};
}

RunDirectory open_run(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                      CheckpointChoice choice) {
  RunSummary summary = open_run_summary(path, overrides);
  const RunFiles& files = summary.files;
  std::filesystem::path checkpoint_path = choice == CheckpointChoice::kBest ? files.best() : files.latest();
  if (choice == CheckpointChoice::kBest && !std::filesystem::exists(checkpoint_path)) checkpoint_path = files.latest();
  if (!std::filesystem::exists(checkpoint_path))
    throw DataError(path.string() + ": no checkpoint yet; train it: segue train " + files.config().string() +
                    " --run " + path.string() + " --resume");
  const std::filesystem::path prepared = summary.configuration.data.prepared;
  if (!std::filesystem::exists(prepared))
    throw DataError(
        prepared.string() +
        ": the prepared dataset of this run is not there; run from the folder where `segue train` ran, pass "
        "data.prepared=DIR, or prepare it again: segue prepare " +
        files.config().string());
  Dataset dataset = Dataset::open(prepared);
  const model_file::SafetensorsFile file(checkpoint_path);
  const Json state = training::checkpoint_state(file, checkpoint_path);
  const Json saved = json_get<Json>(state, "identity", checkpoint_path.string());
  const Json present = run_identity(summary.configuration, dataset);
  require_same(
      saved, present, "data", checkpoint_path.string(),
      "the dataset at " + prepared.string() + " was prepared again with other events or another protocol: train anew");
  require_same(saved, present, "model", checkpoint_path.string(), "keep the model section as it was trained");
  const model_kinds::ModelOptions& options = summary.configuration.model;
  model_kinds::AnyModel model;
  if (const auto* filter = std::get_if<collaborative::FilterOptions>(&options.of_kind())) {
    model.filter = collaborative::load(*filter, file, dataset.n_items());
  } else {
    model.by_gradient = model_kinds::make_model(options, dataset.n_items(), dataset.pipeline().specs(),
                                                models::ItemFeatures::of(dataset));
    try {
      training::load_parameters(training::Checkpoint::load(checkpoint_path), model.by_gradient->parameters(), true);
    } catch (const DataError& error) {
      throw DataError(checkpoint_path.string() + ": " + error.what());
    }
  }
  return {.files = files,
          .configuration = std::move(summary.configuration),
          .manifest = std::move(summary.manifest),
          .dataset = std::move(dataset),
          .model = std::move(model),
          .checkpoint = checkpoint_path,
          .training_state = state};
}

}  // namespace segue::cli
