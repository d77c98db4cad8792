#pragma once

#include <string_view>

namespace segue::trip_world {

/// Days of the world are counted from 2023-01-01 (day 0); trips begin in 2023 and may end in 2024.
inline constexpr int kFirstYear = 2023;
inline constexpr int kStartDays = 365;  ///< a trip begins on one of these
inline constexpr int kDays = 731;       ///< the two years that dates may fall in

/// "2023-04-09"; 0 <= day < kDays.
std::string_view iso_date(int day);
/// 0 = January .. 11 = December.
int month_of(int day);

}  // namespace segue::trip_world
