#pragma once

#include <string>
#include <vector>

#include "support/json.h"

namespace segue::report {

/// Two charts side by side: loss by step and validation metric by epoch, as SVG in figures. `log` holds the objects of
/// training.jsonl. Empty text when it holds neither.
std::string training_curves(const std::vector<Json>& log, const std::string& metric);

}  // namespace segue::report
