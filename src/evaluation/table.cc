#include <algorithm>
#include <cstdio>

#include "evaluation/evaluate.h"
#include "support/aligned_rows.h"

namespace segue::evaluation {
namespace {

std::string number(const Json& metric, bool with_interval) {
  if (!metric.contains("value") || metric["value"].is_null()) return "-";
  char text[64];
  const double value = metric["value"];
  if (with_interval && metric.contains("low") && metric["low"].is_number())
    std::snprintf(text, sizeof text, "%.4f [%.4f, %.4f]", value, metric["low"].get<double>(),
                  metric["high"].get<double>());
  else
    std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

}  // namespace

std::string table(const Json& evaluation) {
  std::vector<std::string> columns;
  for (const auto& system : evaluation.at("systems"))
    for (const auto& [name, value] : system.at("metrics").items())
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);

  std::vector<std::vector<std::string>> rows{{"system"}};
  for (const auto& name : columns) rows[0].push_back(name);
  for (const auto& system : evaluation.at("systems")) {
    rows.push_back({system.at("name").get<std::string>()});
    for (std::size_t i = 0; i < columns.size(); ++i)  // the interval of the first metric alone: a terminal is narrow
      rows.back().push_back(system["metrics"].contains(columns[i]) ? number(system["metrics"][columns[i]], i == 0)
                                                                   : "-");
  }
  return aligned_rows(rows);
}

}  // namespace segue::evaluation
