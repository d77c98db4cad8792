#include "cli/tune_plan.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "support/errors.h"

namespace segue::cli {
namespace {

constexpr std::array kSearched = {"model.", "training."};
/// What decides the value of a trial, beside data and device.
constexpr std::array kDeciding = {"seed",
                                  "model.",
                                  "training.",
                                  "evaluation.positions",
                                  "evaluation.given",
                                  "evaluation.hide_seen",
                                  "evaluation.min_history",
                                  "evaluation.metrics"};
/// They say how trials are judged, so all trials share them.
constexpr std::array kShared = {"training.metric", "training.include_validation"};

template <std::size_t N>
bool begins_with_one_of(const std::string& key, const std::array<const char*, N>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const char* prefix) { return key.starts_with(prefix); });
}

/// A scalar whatever is in it: JSON's quotes are YAML's.
std::string assignment(const std::string& key, const std::string& value) { return key + "=" + Json(value).dump(); }

std::vector<std::string> joined(std::vector<std::string> overrides, const tuning::Values& values) {
  for (const auto& [key, value] : values) overrides.push_back(assignment(key, value));
  return overrides;
}

/// The configuration with `values`; where that is refused, the error says it of `place` in the section tune.
Configuration resolve(const std::filesystem::path& config, const std::vector<std::string>& overrides,
                      const tuning::Values& values, const std::string& place) {
  try {
    return Configuration::load(config, joined(overrides, values));
  } catch (const ConfigError& error) {
    std::string reason = error.what();
    if (constexpr std::string_view at = "command line: "; reason.starts_with(at)) reason.erase(0, at.size());
    throw ConfigError(place + ": " + reason);
  }
}

void check_key(const tuning::SearchedKey& searched) {
  const std::string where = searched.place + ": tune.search." + searched.key + ": ";
  if (std::find(kShared.begin(), kShared.end(), searched.key) != kShared.end())
    throw ConfigError(where + "all trials share it: it says how they are judged");
  if (!begins_with_one_of(searched.key, kSearched))
    throw ConfigError(where +
                      "only keys of the sections model and training can be searched, as model.dim: all trials " +
                      "are of the same data and judged alike");
}

void check_judged(const Configuration& configuration, const std::string& place) {
  if (configuration.training.include_validation)
    throw ConfigError(place + ": training.include_validation is true: trials are judged on the validation part, so " +
                      "they cannot learn from it; train best.yaml with it afterwards");
  if (!configuration.model.is_filter() && configuration.training.evaluate_every == 0)
    throw ConfigError(place + ": training.evaluate_every is 0, so that no trial has a validation metric: set it to 1");
}

tuning::Values searched_of(const tuning::Values& all, const std::vector<tuning::SearchedKey>& search) {
  tuning::Values values;
  for (const auto& searched : search) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& value) { return value.first == searched.key; });
    if (found == all.end())
      throw ConfigError(searched.place + ": tune.search." + searched.key + ": not a single value of the configuration");
    values.push_back(*found);
  }
  return values;
}

}  // namespace

TunePlan TunePlan::make(const std::filesystem::path& config, const std::vector<std::string>& overrides,
                        const tuning::SearchDirectory& search, std::int64_t least_trials) {
  const Configuration base = Configuration::load(config, overrides);
  TunePlan plan;
  plan.options = base.tune;
  plan.config_ = config;
  plan.overrides_ = overrides;
  plan.run_ = base.output.run.empty() ? (search.directory / "best").string() : base.output.run;
  const tuning::TuneOptions& options = plan.options;
  if (options.search.empty())
    throw ConfigError(options.place + ": tune.search: nothing to search over; name a key and its range, for example " +
                      "tune: {search: {training.learning_rate: {low: 1e-4, high: 1e-2, scale: log}}}");
  for (const auto& searched : options.search) {
    check_key(searched);
    for (const std::string& value : tuning::extremes(searched))
      resolve(config, overrides, {{searched.key, value}}, searched.place + ": tune.search." + searched.key);
  }

  const std::string place = options.place + ": tune";
  plan.overrides_.push_back(assignment("training.metric", options.metric));
  const auto all = tuning::flat_values(resolve(config, plan.overrides_, {}, place + ".metric").resolved);
  plan.settings = Json::object();
  for (const auto& [key, value] : all)
    if (begins_with_one_of(key, kDeciding)) plan.settings[key] = value;
  for (std::int64_t number = 1; number <= std::max(options.trials, least_trials); ++number) {
    const tuning::Values values =
        number == 1 ? searched_of(all, options.search) : tuning::draw(options.search, options.seed, number);
    const std::string trial_place = place + ": trial " + std::to_string(number) + " (" + tuning::text_of(values) + ")";
    tuning::Values set = values;
    set.emplace_back("output.run", search.run(number).string());
    plan.trials.push_back({values, resolve(config, plan.overrides_, set, trial_place)});
    check_judged(plan.trials.back().configuration, trial_place);
  }
  return plan;
}

std::string TunePlan::config_of(std::int64_t number) const {
  tuning::Values set = trials.at(static_cast<std::size_t>(number - 1)).values;
  set.emplace_back("output.run", run_);
  return Configuration::load(config_, joined(overrides_, set)).resolved;
}

}  // namespace segue::cli
