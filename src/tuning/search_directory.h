#pragma once

#include <cstdint>
#include <filesystem>

#include "support/json.h"

namespace segue::tuning {

/// The folder of a search: what it searches (manifest.json), its trials (trials.jsonl, and a run directory each) and
/// the configuration of the best one (best.yaml).
struct SearchDirectory {
  std::filesystem::path directory;
  [[nodiscard]] std::filesystem::path manifest() const { return directory / "manifest.json"; }
  [[nodiscard]] std::filesystem::path trials() const { return directory / "trials.jsonl"; }
  [[nodiscard]] std::filesystem::path best_config() const { return directory / "best.yaml"; }
  /// The run directory of a trial: trials/0001.
  [[nodiscard]] std::filesystem::path run(std::int64_t trial) const;

  /// Sees to it that a search may begin here, or go on. `overwrite` removes the search that stands here; anything else
  /// is left alone.
  /// @throws UsageError  neither resume nor overwrite, and a search is there; or something that is no search
  /// @throws DataError   resume, and no search is there
  void claim(bool resume, bool overwrite) const;

  /// Writes the manifest; or, where one is there, holds `identity` to it: what decides the values of all trials.
  /// @throws DataError  another space, seed, metric, data or configuration: names the first key that differs; a
  /// manifest
  ///                    that is damaged or of a newer format
  void keep(const Json& identity) const;
};

}  // namespace segue::tuning
