#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/json.h"
#include "tuning/tune_options.h"

namespace segue::tuning {

/// Keys of the configuration with their values as they would be written.
using Values = std::vector<std::pair<std::string, std::string>>;

/// The values of one trial, a function of search, seed and number alone: the same whatever was drawn before and however
/// many trials there are. Numbers that need not be whole have six digits.
/// @param trial  number of the trial; the first one draws nothing, so from 2
Values draw(const std::vector<SearchedKey>& search, std::uint64_t seed, std::int64_t trial);

/// Both ends of a range, or all values: what the key has to allow.
std::vector<std::string> extremes(const SearchedKey& searched);

/// Numbers and truth values as such, all else as text.
Json to_json(const Values& values);
/// "model.l2=12.5, model.neighbours=100"
std::string text_of(const Values& values);

/// Every single value of a YAML text by its dotted path, list elements by number.
/// @throws ConfigError  not YAML
Values flat_values(const std::string& yaml);

}  // namespace segue::tuning
