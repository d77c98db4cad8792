#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>

#include "report/report.h"
#include "support/json.h"

namespace segue::report {

struct Place {
  std::string name;
  double latitude = 0, longitude = 0;
};
/// By item id.
using Places = std::unordered_map<std::string, Place>;

/// Reads the items with coordinates. DataError names the file and the column that is missing.
Places read_places(const OutputOptions& options);

/// Small maps of the evaluation's examples: the history as a line with arrows, the true next place (or places, where a
/// set was asked for) ringed, the recommended ones numbered. Equirectangular, cut to what a trip needs; all places are
/// drawn as dots, which shows the land.
std::string trip_maps(const Json& evaluation, const Places& places, std::size_t most = 6);

}  // namespace segue::report
