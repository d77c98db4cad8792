#include "tuning/trial_log.h"

#include <algorithm>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "support/errors.h"
#include "support/storage.h"

namespace segue::tuning {
namespace {

double rank_value(const Trial& trial) { return trial.value.value_or(-std::numeric_limits<double>::infinity()); }

Trial parse(const std::string& line, const std::string& where, std::int64_t number) {
  const std::string remedy = "; take this line and all below it out, and --resume runs those trials again";
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) throw DataError(where + ": damaged, this is no JSON object" + remedy);
  Trial trial;
  try {
    trial = Trial::from_json(json, where);
  } catch (const DataError& error) {
    throw DataError(error.what() + remedy);
  }
  if (trial.number != number)
    throw DataError(where + ": trial " + std::to_string(trial.number) + " where trial " + std::to_string(number) +
                    " belongs" + remedy);
  return trial;
}

}  // namespace

Json Trial::to_json() const {
  Json json = {{"trial", number},
               {"status", failed() ? "failed" : "finished"},
               {"metric", metric},
               {"value", value ? Json(*value) : Json()},
               {"values", values},
               {"metrics", metrics},
               {"best_epoch", best_epoch ? Json(*best_epoch) : Json()},
               {"seconds", seconds}};
  if (failed()) json["error"] = error;
  return json;
}

Trial Trial::from_json(const Json& json, const std::string& where) {
  Trial trial;
  trial.number = json_get<std::int64_t>(json, "trial", where);
  const auto status = json_get<std::string>(json, "status", where);
  if (status != "finished" && status != "failed")
    throw DataError(where + ": status '" + status + "' is neither finished nor failed");
  trial.metric = json_get<std::string>(json, "metric", where);
  if (status == "finished")
    trial.value = json_get<double>(json, "value", where);
  else
    trial.error = json_get<std::string>(json, "error", where);
  trial.values = json_get<Json>(json, "values", where);
  trial.metrics = json_get<Json>(json, "metrics", where);
  if (!json_get<Json>(json, "best_epoch", where).is_null())
    trial.best_epoch = json_get<std::int64_t>(json, "best_epoch", where);
  trial.seconds = json_get<double>(json, "seconds", where);
  return trial;
}

TrialLog::TrialLog(std::filesystem::path path) : path_(std::move(path)) {
  if (!std::filesystem::exists(path_)) return;
  std::istringstream lines(storage::read_file(path_));
  for (std::string line; std::getline(lines, line);) {
    const std::int64_t number = size() + 1;
    trials_.push_back(parse(line, path_.string() + ":" + std::to_string(number), number));
  }
}

void TrialLog::add(Trial trial) {
  if (trial.number != size() + 1)
    throw std::invalid_argument("TrialLog: trial " + std::to_string(trial.number) + " after " + std::to_string(size()));
  trials_.push_back(std::move(trial));
  std::string text;
  for (const Trial& each : trials_) text += each.to_json().dump() + "\n";
  storage::write_file(path_, text);
}

const Trial* TrialLog::best() const {
  const auto best = std::max_element(trials_.begin(), trials_.end(),
                                     [](const Trial& a, const Trial& b) { return rank_value(a) < rank_value(b); });
  return best == trials_.end() || best->failed() ? nullptr : &*best;
}

std::vector<Trial> TrialLog::ranked() const {
  std::vector<Trial> ranked = trials_;
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Trial& a, const Trial& b) { return rank_value(a) > rank_value(b); });
  return ranked;
}

}  // namespace segue::tuning
