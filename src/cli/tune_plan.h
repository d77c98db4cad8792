#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/configuration.h"
#include "support/json.h"
#include "tuning/draw.h"
#include "tuning/search_directory.h"
#include "tuning/tune_options.h"

namespace segue::cli {

struct PlannedTrial {
  tuning::Values values;        ///< of the searched keys
  Configuration configuration;  ///< output.run is the trial's folder, training.metric the metric of the search
};

/// All that a search is going to do, known before its first trial: a trial that could not begin is found here.
struct TunePlan {
  tuning::TuneOptions options;
  std::vector<PlannedTrial> trials;  ///< trial 1, the configuration as it stands, first
  Json settings;                     ///< of the configuration, by dotted key: what decides a trial's value beside data

  /// @param least_trials  plans so many at least, whatever tune.trials says: those that were run before
  /// @throws ConfigError  names the place in section `tune`: nothing to search, a key that is none of model or
  /// training,
  ///                      a value that its key refuses, a trial that could not be judged on the validation part
  static TunePlan make(const std::filesystem::path& config, const std::vector<std::string>& overrides,
                       const tuning::SearchDirectory& search, std::int64_t least_trials);

  /// Trial `number` (from 1) as `segue train` takes it: its run goes to output.run of the configuration, or to a folder
  /// `best` beside the trials.
  [[nodiscard]] std::string config_of(std::int64_t number) const;

 private:
  std::filesystem::path config_;
  std::vector<std::string> overrides_;
  std::string run_;  ///< output.run of config_of()
};

}  // namespace segue::cli
