#include "tuning/tune_options.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace segue::tuning {
namespace {

const std::vector<std::pair<std::string, Scale>> kScales = {{"linear", Scale::kLinear}, {"log", Scale::kLog}};
constexpr double kLargestInteger = 9007199254740992;  // 2^53: beyond it a double skips whole numbers

void check(const Range& range, const config::Section& section) {
  for (const auto& [name, end] : {std::pair("low", range.low), std::pair("high", range.high)}) {
    if (!section.has(name)) continue;
    if (!std::isfinite(end)) section.fail(name, "a range needs an end to draw from");
    if (range.integer && (end != std::trunc(end) || std::abs(end) > kLargestInteger))
      section.fail(name, "integer is true, and this is no whole number up to 2^53 in size");
  }
  if (!section.has("low") || !section.has("high")) return;  // said later, after what is misspelt
  if (range.low > range.high) section.fail("low", "above high: a range goes from low to high");
  if (range.scale == Scale::kLog && range.low <= 0)
    section.fail("low", "scale log needs a low above 0: it has no logarithm");
}

SearchedKey read_key(const std::string& key, config::Section& section) {
  SearchedKey searched{.key = key, .choices = {}, .place = section.place()};
  const bool by_values = section.has("values");
  Range range;
  section.read("low", range.low, {.meaning = "least number, drawn too", .required = !by_values});
  section.read("high", range.high, {.meaning = "largest number, drawn too", .required = !by_values});
  section.read_choice("scale", range.scale, kScales,
                      {.meaning = "`log`: every decade is as likely as the next, `linear`: every number is"});
  section.read("integer", range.integer, {.meaning = "whole numbers alone"});
  std::vector<std::string> values;
  section.read("values", values, {.meaning = "instead of a range: the values that the key may have, equally likely"});
  check(range, section);
  if (!by_values) {
    searched.choices = range;
    return searched;
  }
  for (const char* other : {"low", "high", "scale", "integer"})
    if (section.has(other)) section.fail(other, "a key is searched in a range or among values, not both");
  if (values.empty()) section.fail("values", "an empty list: nothing can be drawn from it");
  searched.choices = std::move(values);
  return searched;
}

}  // namespace

void TuneOptions::read(config::Section& section) {
  place = section.place();
  section.read("trials", trials, {.meaning = "runs; the first is the configuration as it stands", .low = 1});
  section.read("seed", seed, {.meaning = "of the draws; not given: `seed` of the configuration"});
  section.read("metric", metric,
               {.meaning = "validation metric that ranks the trials, as name@k; not given: `training.metric`"});
  for (auto& [key, choices] : section.named_sections(
           "search", "key", "what is drawn: a dotted key of `model` or `training`, with a range or with values")) {
    search.push_back(read_key(key, choices));
  }
  std::sort(search.begin(), search.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
}

Json TuneOptions::search_json() const {
  Json json = Json::object();
  for (const SearchedKey& searched : search) {
    if (const auto* range = std::get_if<Range>(&searched.choices)) {
      json[searched.key] = {{"low", range->low},
                            {"high", range->high},
                            {"scale", range->scale == Scale::kLog ? "log" : "linear"},
                            {"integer", range->integer}};
    } else {
      json[searched.key] = {{"values", std::get<std::vector<std::string>>(searched.choices)}};
    }
  }
  return json;
}

}  // namespace segue::tuning
