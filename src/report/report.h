#pragma once

#include <filesystem>
#include <string>

#include "config/section.h"

namespace segue::report {

/// Section `output`.
struct OutputOptions {
  std::string run;        ///< run directory
  std::string map_items;  ///< CSV with item, latitude, longitude (and name): draws example sequences on a map
  std::string map_item_column = "city", map_name_column = "name", map_latitude_column = "latitude",
              map_longitude_column = "longitude";
  void read(config::Section& section);
};

/// Writes report.html into the run directory from its config.yaml, manifest.json, training.jsonl and evaluation.json:
/// curves, table with intervals and the Bayes line, slices, a map of example trips with their recommendations. Opens
/// alone, no network.
void write_report(const std::filesystem::path& run, const OutputOptions& options);

}  // namespace segue::report
