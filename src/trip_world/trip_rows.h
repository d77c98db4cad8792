#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "trip_world/trip.h"
#include "trip_world/world.h"

namespace segue::trip_world {

inline constexpr std::string_view kEventHeader =
    "user_id,checkin,checkout,city_id,device_class,affiliate_id,booker_country,hotel_country,utrip_id\n";

/// Writes trips as CSV rows in the columns of the Booking.com challenge.
class TripRows {
 public:
  explicit TripRows(const World& world);
  /// Appends the rows of a trip of traveller `user`. With `hide_last` the last row is the request: city and hotel
  /// country empty.
  void append(const Trip& trip, std::int64_t user, bool hide_last, std::string& rows) const;
  static std::string trip_id(std::int64_t user) { return std::to_string(user) + "_1"; }
  /// cities.csv: city,name,country,latitude,longitude,population.
  [[nodiscard]] static std::string_view cities() { return cities_csv(); }

 private:
  std::vector<std::string> city_ids_, countries_;
};

}  // namespace segue::trip_world
