#include "trip_world/city_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "support/errors.h"
#include "trip_world/calendar.h"
#include "trip_world/parameters.h"

namespace segue::trip_world {
namespace {

using ::testing::HasSubstr;

std::string fault_of(const std::string& csv) {
  try {
    parse_cities(csv);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

const std::string kHead = "city,name,country,latitude,longitude,population\n";

TEST(CityTable, TheBuiltInOneIsWholeAndServesEveryBooker) {
  const auto cities = built_in_cities();
  EXPECT_GE(cities.size(), 300u);
  std::map<std::string, int> countries;
  for (const City& city : cities) ++countries[city.country];
  for (const auto booker : kBookerNames) EXPECT_GE(countries[std::string(booker)], 5) << booker;
}

TEST(CityTable, ReadsEveryColumn) {
  const auto cities = parse_cities(kHead + "7,Bergen,Norway,60.39,5.32,290000\n");
  ASSERT_EQ(cities.size(), 1u);
  EXPECT_EQ(cities[0].id, 7);
  EXPECT_EQ(cities[0].name, "Bergen");
  EXPECT_EQ(cities[0].country, "Norway");
  EXPECT_EQ(cities[0].latitude, 60.39);
  EXPECT_EQ(cities[0].longitude, 5.32);
  EXPECT_EQ(cities[0].population, 290000);
}

TEST(CityTable, NamesTheLineAndTheFault) {
  EXPECT_THAT(fault_of("id,name\n"), HasSubstr("line 1"));
  EXPECT_THAT(fault_of(kHead + "1,A,B,1,2\n"), HasSubstr("line 2: 5 fields"));
  EXPECT_THAT(fault_of(kHead + "1,A,B,1,2,3\n2,C,B,91,2,3\n"), HasSubstr("line 3: column 'latitude': '91'"));
  EXPECT_THAT(fault_of(kHead + "1,A,B,1,2,3\n1,C,B,1,2,3\n"), HasSubstr("second time"));
  EXPECT_THAT(fault_of(kHead + "1,A,,1,2,3\n"), HasSubstr("without a name or a country"));
  EXPECT_THAT(fault_of(kHead + "x,A,B,1,2,3\n"), HasSubstr("column 'city': 'x'"));
}

// Reference: haversine by hand for a quarter of the equator, and the published great circle London - New York (5,570
// km).
TEST(CityTable, MeasuresGreatCircles) {
  EXPECT_NEAR(distance_km({1, "", "", 0, 0, 1}, {2, "", "", 0, 90, 1}), 6371 * 3.14159265358979 / 2, 1e-6);
  EXPECT_NEAR(distance_km({1, "", "", 51.51, -0.13, 1}, {2, "", "", 40.71, -74.01, 1}), 5570, 10);
}

TEST(Calendar, KnowsTheLeapDay) {
  EXPECT_EQ(iso_date(0), "2023-01-01");
  EXPECT_EQ(iso_date(58), "2023-02-28");
  EXPECT_EQ(iso_date(59), "2023-03-01");
  EXPECT_EQ(iso_date(365 + 59), "2024-02-29");
  EXPECT_EQ(iso_date(kDays - 1), "2024-12-31");
  EXPECT_EQ(month_of(58), 1);
  EXPECT_EQ(month_of(59), 2);
  // The longest trip that starts on the last day still ends within the calendar.
  EXPECT_LT(kStartDays - 1 + kMaxLegs * kMaxNights, kDays);
}

}  // namespace
}  // namespace segue::trip_world
