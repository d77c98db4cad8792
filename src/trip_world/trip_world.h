#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/json.h"

namespace segue::trip_world {

struct GenerateOptions {
  std::int64_t trips = 250'000;  ///< training trips
  std::int64_t validation_trips = 10'000;
  std::int64_t test_trips = 10'000;
  std::uint64_t seed = 7;
  int n_threads = 1;
};

/// Writes the world into `directory`: train.csv, validation.csv, test.csv (the columns of the Booking.com challenge:
/// user_id, checkin, checkout, city, device_class, affiliate_id, booker_country, hotel_country, utrip_id), cities.csv
/// (city, name, country, latitude, longitude, population), bayes_serving.parquet and bayes_challenge.parquet (for each
/// test trip's last leg: utrip_id, leg, and the exact P(next city | what the profile may see) as one list of floats in
/// the order of cities.csv, with the city ids in the file's metadata), test_histories.csv (test trips without the last
/// city: its row stays as the request, city empty) and manifest.json (seed, counts, parameters, checksums). Same seed,
/// same bytes, any thread count.
Json generate(const GenerateOptions& options, const std::filesystem::path& directory);

}  // namespace segue::trip_world
