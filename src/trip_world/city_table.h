#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace segue::trip_world {

/// One city of data/cities.csv.
struct City {
  std::int64_t id = 0;  ///< as written in event files
  std::string name, country;
  double latitude = 0, longitude = 0;  ///< degrees, north and east positive
  double population = 0;               ///< rough number of people
};

/// data/cities.csv as it was when the program was built.
std::string_view cities_csv();
/// Parses a table of that form (header city,name,country,latitude,longitude,population; no quotes, no commas within).
/// @throws DataError  names the line and the fault
std::vector<City> parse_cities(std::string_view csv);
/// The cities built into the program, in the order of the table; at most kMaxCities.
std::vector<City> built_in_cities();

/// Great-circle distance, km.
double distance_km(const City& a, const City& b);

}  // namespace segue::trip_world
