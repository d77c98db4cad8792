#include "trip_world/city_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <set>

#include "support/errors.h"

namespace segue::trip_world {
namespace {

constexpr std::string_view kHeader = "city,name,country,latitude,longitude,population";
constexpr double kEarthRadiusKm = 6371.0;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0;;) {
    const std::size_t next = text.find(separator, at);
    parts.push_back(text.substr(at, next == std::string_view::npos ? next : next - at));
    if (next == std::string_view::npos) return parts;
    at = next + 1;
  }
}

[[noreturn]] void fail(std::size_t line, const std::string& message) {
  throw DataError("city table, line " + std::to_string(line) + ": " + message);
}

template <class T>
T parse_number(std::string_view field, std::string_view column, std::size_t line, T low, T high) {
  T value{};
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size() || value < low || value > high)
    fail(line, "column '" + std::string(column) + "': '" + std::string(field) + "' is no number in its range");
  return value;
}

}  // namespace

std::vector<City> parse_cities(std::string_view csv) {
  std::vector<City> cities;
  std::set<std::int64_t> ids;
  const auto lines = split(csv, '\n');
  if (lines.front() != kHeader) fail(1, "the header must be '" + std::string(kHeader) + "'");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const auto fields = split(lines[i], ',');
    if (fields.size() != 6) fail(i + 1, std::to_string(fields.size()) + " fields where 6 are expected");
    City city;
    city.id = parse_number<std::int64_t>(fields[0], "city", i + 1, 1, 1'000'000'000);
    city.name = fields[1];
    city.country = fields[2];
    city.latitude = parse_number<double>(fields[3], "latitude", i + 1, -90, 90);
    city.longitude = parse_number<double>(fields[4], "longitude", i + 1, -180, 180);
    city.population = parse_number<double>(fields[5], "population", i + 1, 1, 1e9);
    if (city.name.empty() || city.country.empty()) fail(i + 1, "a city without a name or a country");
    if (!ids.insert(city.id).second) fail(i + 1, "city " + std::to_string(city.id) + " stands here a second time");
    cities.push_back(std::move(city));
  }
  return cities;
}

std::vector<City> built_in_cities() { return parse_cities(cities_csv()); }

double distance_km(const City& a, const City& b) {
  constexpr double kRadian = std::numbers::pi / 180;
  const double dlat = (b.latitude - a.latitude) * kRadian, dlon = (b.longitude - a.longitude) * kRadian;
  const double h = std::pow(std::sin(dlat / 2), 2) +
                   std::cos(a.latitude * kRadian) * std::cos(b.latitude * kRadian) * std::pow(std::sin(dlon / 2), 2);
  return 2 * kEarthRadiusKm * std::asin(std::min(1.0, std::sqrt(h)));
}

}  // namespace segue::trip_world
