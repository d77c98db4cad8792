#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trip_world/world.h"

namespace segue::trip_world {

/// Rows of a Bayes file: for one leg of each trip the probabilities of all cities.
struct PredictionTable {
  std::vector<std::string> trip_ids;
  std::vector<std::int32_t> legs;    ///< counted from 0
  std::vector<float> probabilities;  ///< [trips, n_cities]
};

/// Parquet with columns utrip_id (string), leg (int32) and probabilities (fixed-size list of floats, in the order of
/// the key "cities" of the schema's metadata: a JSON list of city ids). Written atomically.
void write_predictions(const std::filesystem::path& path, const PredictionTable& table, const World& world);

}  // namespace segue::trip_world
