#pragma once

#include <array>
#include <cstdint>

#include "trip_world/calendar.h"

namespace segue::trip_world {

inline constexpr int kMinLegs = 4, kMaxLegs = 12;

/// All that can be observed of a trip: what its rows in the event files say. The traveller's style is not in it, so
/// that whatever takes a Trip cannot use the style.
struct Trip {
  int n_legs = 0;
  int start_day = 0;                            ///< check-in of the first leg (calendar.h)
  int booker = 0;                               ///< row of World::bookers
  int affiliate = 0;                            ///< affiliate_id as written
  std::array<std::int16_t, kMaxLegs> city{};    ///< rows of World::cities
  std::array<std::int8_t, kMaxLegs> nights{};   ///< 1 .. kMaxNights
  std::array<std::uint8_t, kMaxLegs> device{};  ///< rows of kDeviceNames

  /// Check-in day of a leg; leg == n_legs gives the last check-out.
  [[nodiscard]] int check_in(int leg) const {
    int day = start_day;
    for (int i = 0; i < leg; ++i) day += nights[static_cast<std::size_t>(i)];
    return day;
  }
};

/// A trip together with the style that it was drawn with. Only the sampler makes them.
struct DrawnTrip {
  Trip trip;
  int style = 0;
};

}  // namespace segue::trip_world
