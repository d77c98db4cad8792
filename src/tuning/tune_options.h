#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/section.h"
#include "support/json.h"

namespace segue::tuning {

enum class Scale { kLinear, kLog };

/// Numbers from `low` to `high`, both included.
struct Range {
  double low = 0, high = 0;
  Scale scale = Scale::kLinear;
  bool integer = false;  ///< whole numbers alone
};

/// A key of the configuration that is searched over, and what it may be: a range, or values as they would be written.
struct SearchedKey {
  std::string key;  ///< dotted, "model.l2"
  std::variant<Range, std::vector<std::string>> choices;
  std::string place;  ///< where it is written, for messages: "ease.yaml:14:5"
};

/// Section `tune`. Where the section does not give them, seed and metric are those of the configuration: whoever reads
/// sets them before.
struct TuneOptions {
  std::int64_t trials = 20;  ///< the configuration as it stands among them
  std::uint64_t seed = 42;
  std::string metric = "ndcg@10";   ///< of the validation part
  std::vector<SearchedKey> search;  ///< by key, so that their order in the file is of no matter
  std::string place;                ///< where the section begins
  /// @throws ConfigError  a range that is upside down or without end, a logarithm of 0 or less, an empty list of
  /// values,
  ///                      both a range and values
  void read(config::Section& section);
  /// What may be drawn: {"model.l2": {"low", "high", "scale", "integer"}, "model.dim": {"values"}}.
  [[nodiscard]] Json search_json() const;
};

}  // namespace segue::tuning
