#pragma once

#include <string>

#include "support/json.h"

namespace segue::report {

/// A dot with its interval for every system, best first, and the Bayes line where there is one. SVG in a figure.
std::string systems_chart(const Json& evaluation, const std::string& metric);
/// All metrics of all systems, with intervals below the values.
std::string systems_table(const Json& evaluation);
/// For every slicing a chart of the model against the best baseline.
std::string slice_charts(const Json& evaluation, const std::string& metric);

}  // namespace segue::report
