#include "trip_world/calendar.h"

#include <array>
#include <cassert>
#include <chrono>
#include <cstdio>

namespace segue::trip_world {
namespace {

struct Date {
  char text[16];
  int month;
};

std::array<Date, kDays> make_dates() {
  std::array<Date, kDays> dates{};
  const std::chrono::sys_days first = std::chrono::year{kFirstYear} / 1 / 1;
  for (int day = 0; day < kDays; ++day) {
    const std::chrono::year_month_day date{first + std::chrono::days{day}};
    const unsigned month = static_cast<unsigned>(date.month());
    std::snprintf(dates[static_cast<std::size_t>(day)].text, sizeof(Date::text), "%04d-%02u-%02u",
                  static_cast<int>(date.year()), month, static_cast<unsigned>(date.day()));
    dates[static_cast<std::size_t>(day)].month = static_cast<int>(month) - 1;
  }
  return dates;
}

const Date& date_of(int day) {
  static const std::array<Date, kDays> dates = make_dates();
  assert(day >= 0 && day < kDays);
  return dates[static_cast<std::size_t>(day)];
}

}  // namespace

std::string_view iso_date(int day) { return {date_of(day).text, 10}; }
int month_of(int day) { return date_of(day).month; }

}  // namespace segue::trip_world
