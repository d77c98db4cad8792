#include "cli/trained_model.h"

#include <algorithm>

#include "cli/run_directory.h"
#include "recommend/bundle_model.h"
#include "support/errors.h"
#include "support/progress.h"

namespace segue::cli {
namespace {

namespace fs = std::filesystem;

bool is_bundle(const fs::path& path) {
  return fs::exists(path / "manifest.json") && fs::exists(path / "weights.safetensors");
}

TrainedModel from_run(RunDirectory run) {
  return {.configuration = std::move(run.configuration),
          .dataset = std::move(run.dataset),
          .model = std::move(run.model),
          .epoch = run.training_state.value("epoch", std::int64_t{0}),
          .weights = run.checkpoint,
          .directory = run.files.directory};
}

/// The configuration as far as the bundle keeps it; JSON is YAML.
Configuration configuration_of(const model_file::Bundle& bundle, const std::string& where,
                               const std::vector<std::string>& overrides) {
  Json settings = {{"data", bundle.manifest.value("data", Json::object())},
                   {"evaluation", bundle.manifest.value("evaluation", Json::object())},
                   {"model", json_get<Json>(bundle.manifest["model"], "options", where)}};
  settings["model"]["kind"] = bundle.manifest["model"]["kind"];
  if (bundle.manifest.contains("max_length")) settings["training"]["max_length"] = bundle.manifest["max_length"];
  if (bundle.manifest.contains("trained"))
    settings["seed"] = bundle.manifest["trained"].value("seed", std::uint64_t{42});
  auto configuration = Configuration::from(config::Document::parse(settings.dump(), where, overrides));
  if (configuration.model.to_json() != bundle.manifest["model"]["options"])
    throw ConfigError(where + ": a bundle's model is as it was trained: leave the section model out of the overrides");
  return configuration;
}

/// Rows have to mean the same items, and for a model that reads features codes and values the same, as in training.
void require_fit(const model_file::Bundle& bundle, bool reads_no_features, const Dataset& dataset,
                 const std::string& where, const std::string& prepared) {
  const std::string remedy =
      "; prepare one from the events that the model was trained on, with the same data section (its validation and "
      "test parts may be others), or train anew";
  const auto& items = dataset.items();
  const auto n = std::min(items.size(), bundle.items.size());
  for (std::int32_t row = 0; row < n; ++row) {
    if (items.id(row) == bundle.items.id(row)) continue;
    throw DataError(prepared + ": not a dataset for " + where + ": its item " + std::to_string(row) + " is '" +
                    std::string(items.id(row)) + "', the bundle's '" + std::string(bundle.items.id(row)) + "'" +
                    remedy);
  }
  if (items.size() != bundle.items.size()) {
    throw DataError(prepared + ": not a dataset for " + where + ": it knows " + std::to_string(items.size()) +
                    " items, the bundle " + std::to_string(bundle.items.size()) + remedy);
  }
  if (reads_no_features) return;
  const Json fitted = dataset.pipeline().to_json(), expected = bundle.pipeline.to_json();
  if (fitted == expected) return;
  const auto names = [](const features::FeaturePipeline& pipeline) {
    std::string text;
    for (const auto& spec : pipeline.specs()) text += (text.empty() ? "" : ", ") + spec.name;
    return text.empty() ? std::string("none") : text;
  };
  const bool same = dataset.pipeline().specs() == bundle.pipeline.specs();
  throw DataError(prepared + ": not a dataset for " + where + ": " +
                  (same ? "its features were fitted to other training events"
                        : "its features (" + names(dataset.pipeline()) + ") are not those of the bundle (" +
                              names(bundle.pipeline) + "), or differ in their codes") +
                  remedy);
}

TrainedModel from_bundle(const fs::path& path, const std::vector<std::string>& overrides) {
  const bool names_dataset = std::any_of(overrides.begin(), overrides.end(), [](const std::string& text) {
    return text.starts_with("data.prepared=") || text.starts_with("data=");
  });
  if (!names_dataset)
    throw UsageError(path.string() + " is a bundle, which holds no dataset: name a prepared one by data.prepared=DIR");
  auto opened = recommend::BundleModel::open(path);
  auto& bundle = opened.bundle;
  auto configuration = configuration_of(bundle, (path / "manifest.json").string(), overrides);
  const std::string prepared = configuration.data.prepared;
  Dataset dataset = Dataset::open(prepared);
  require_fit(bundle, configuration.model.is_filter(), dataset, path.string(), prepared);
  const Json trained = bundle.manifest.value("trained", Json::object());
  if (trained.value("data_fingerprint", "") != dataset.fingerprint())
    log_info(prepared + ": not the dataset that the model was trained on; its items and features are the same");
  return {.configuration = std::move(configuration),
          .dataset = std::move(dataset),
          .model = std::move(opened.model),
          .epoch = trained.value("epoch", std::int64_t{0}),
          .weights = path / "weights.safetensors",
          .directory = {}};
}

}  // namespace

TrainedModel open_trained_model(const fs::path& run_or_bundle, const std::vector<std::string>& overrides) {
  if (is_run_directory(run_or_bundle)) return from_run(open_run(run_or_bundle, overrides));
  if (is_bundle(run_or_bundle)) return from_bundle(run_or_bundle, overrides);
  throw DataError(run_or_bundle.string() +
                  (fs::exists(run_or_bundle) ? ": neither a run directory (no config.yaml in it) nor a bundle (no "
                                               "weights.safetensors beside a manifest.json)"
                                             : ": there is no such run directory or bundle") +
                  "; `segue train CONFIG` makes a run, `segue export RUN --out BUNDLE` a bundle");
}

}  // namespace segue::cli
