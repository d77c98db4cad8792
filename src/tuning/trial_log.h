#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/json.h"

namespace segue::tuning {

/// One trial that came to its end.
struct Trial {
  std::int64_t number = 0;  ///< from 1
  Json values;              ///< of the searched keys, by key
  std::string metric;
  std::optional<double> value;             ///< of the metric on the validation part; none where it failed
  Json metrics = Json::object();           ///< all that was measured there, by name, after the best epoch
  std::optional<std::int64_t> best_epoch;  ///< none for what has no epochs
  double seconds = 0;
  std::string error;  ///< why it failed; empty where it did not

  [[nodiscard]] bool failed() const { return !value.has_value(); }
  [[nodiscard]] Json to_json() const;
  /// @throws DataError  naming `where`: what is missing or of another type
  static Trial from_json(const Json& json, const std::string& where);
};

/// trials.jsonl: the trials of a search in the order of their numbers, a line each, without gaps.
class TrialLog {
 public:
  /// Reads what is there; an empty log where there is no file.
  /// @throws DataError  a line that is no trial, or not the next one: names the line and the remedy
  explicit TrialLog(std::filesystem::path path);

  /// Adds the next trial; the file is replaced as a whole, so that no reader sees half a line.
  void add(Trial trial);
  [[nodiscard]] const std::vector<Trial>& trials() const { return trials_; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(trials_.size()); }
  /// The one of the highest value, the earliest of equals; nullptr where none has a value.
  [[nodiscard]] const Trial* best() const;
  /// Those that did not fail by falling value, the earlier first among equals; then those that did.
  [[nodiscard]] std::vector<Trial> ranked() const;

 private:
  std::filesystem::path path_;
  std::vector<Trial> trials_;
};

}  // namespace segue::tuning
