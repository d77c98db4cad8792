#include "trip_world/trip_rows.h"

namespace segue::trip_world {

TripRows::TripRows(const World& world) {
  for (const City& city : world.cities()) {
    city_ids_.push_back(std::to_string(city.id));
    countries_.push_back(city.country);
  }
}

void TripRows::append(const Trip& trip, std::int64_t user, bool hide_last, std::string& rows) const {
  const std::string user_id = std::to_string(user), affiliate = std::to_string(trip.affiliate);
  const std::string_view booker = kBookerNames[static_cast<std::size_t>(trip.booker)];
  int day = trip.start_day;
  for (int i = 0; i < trip.n_legs; ++i) {
    const auto leg = static_cast<std::size_t>(i);
    const auto city = static_cast<std::size_t>(trip.city[leg]);
    const bool hidden = hide_last && i + 1 == trip.n_legs;
    rows.append(user_id).push_back(',');
    rows.append(iso_date(day)).push_back(',');
    day += trip.nights[leg];
    rows.append(iso_date(day)).push_back(',');
    if (!hidden) rows.append(city_ids_[city]);
    rows.push_back(',');
    rows.append(kDeviceNames[static_cast<std::size_t>(trip.device[leg])]).push_back(',');
    rows.append(affiliate).push_back(',');
    rows.append(booker).push_back(',');
    if (!hidden) rows.append(countries_[city]);
    rows.push_back(',');
    rows.append(user_id).append("_1\n");
  }
}

}  // namespace segue::trip_world
