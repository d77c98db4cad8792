#include "events/text_values.h"

#include <gtest/gtest.h>

#include <cmath>

namespace segue::events {
namespace {

// Golden values from Python: int(datetime.fromisoformat(text).timestamp() * 1000), UTC where there is no offset.
TEST(ParseTime, ReadsIsoDatesAndTimes) {
  EXPECT_EQ(parse_time("2016-08-13", TimeFormat::kAuto), 1471046400000);
  EXPECT_EQ(parse_time("2016-08-13T10:05", TimeFormat::kAuto), 1471082700000);
  EXPECT_EQ(parse_time("2016-08-13 10:05:30.25", TimeFormat::kIso8601), 1471082730250);
  EXPECT_EQ(parse_time("2016-08-13T10:05:30Z", TimeFormat::kAuto), 1471082730000);
  EXPECT_EQ(parse_time("2016-08-13T10:05:30+02:00", TimeFormat::kAuto), 1471075530000);
  EXPECT_EQ(parse_time("2016-08-13T10:05:30-0530", TimeFormat::kAuto), 1471102530000);
  EXPECT_EQ(parse_time("1969-12-31", TimeFormat::kAuto), -86400000);
  EXPECT_EQ(parse_time("2000-02-29", TimeFormat::kAuto), 951782400000);
}

TEST(ParseTime, ReadsNumbersInTheirUnit) {
  EXPECT_EQ(parse_time("874724710", TimeFormat::kAuto), 874724710000);
  EXPECT_EQ(parse_time("1471046400123", TimeFormat::kAuto), 1471046400123);
  EXPECT_EQ(parse_time("5743", TimeFormat::kMinutes), 344580000);
  EXPECT_EQ(parse_time("3", TimeFormat::kDays), 259200000);
  EXPECT_EQ(parse_time("12", TimeFormat::kMilliseconds), 12);
  EXPECT_EQ(parse_time("1.5", TimeFormat::kSeconds), 1500);
  EXPECT_EQ(parse_time("-2", TimeFormat::kSeconds), -2000);
}

TEST(ParseTime, RefusesWhatIsNone) {
  for (const auto* text : {"", "2016-13-01", "2015-02-29", "2016-08-13x", "2016-08-13T25:00", "2016-08-13T10",
                           "yesterday", "12:30", "2016-8-13", "2016-08-13T10:05:30+25:00", "1e300", "nan"}) {
    EXPECT_EQ(parse_time(text, TimeFormat::kAuto), std::nullopt) << text;
  }
  EXPECT_EQ(parse_time("2016-08-13", TimeFormat::kSeconds), std::nullopt);
  EXPECT_EQ(parse_time("9223372036854775807", TimeFormat::kSeconds), std::nullopt);
  EXPECT_EQ(parse_time("1471046400", TimeFormat::kIso8601), std::nullopt);
}

TEST(FormatTime, IsReadBackTheSame) {
  EXPECT_EQ(format_time(1471082730000), "2016-08-13T10:05:30Z");
  EXPECT_EQ(format_time(-1000), "1969-12-31T23:59:59Z");
  EXPECT_EQ(parse_time(format_time(951782400000), TimeFormat::kAuto), 951782400000);
}

TEST(ParseNumber, ReadsDecimalsOnly) {
  EXPECT_EQ(parse_number("+1.5e3"), 1500.0);
  EXPECT_EQ(parse_number("-0.25"), -0.25);
  EXPECT_TRUE(std::isnan(*parse_number("NaN")));
  for (const auto* text : {"", "1,5", "0x10", "12 ", "inf", "1e999", "ten", "+"})
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

TEST(IsCanonicalInteger, HoldsOnlyWhatComesBackTheSame) {
  for (const auto* text : {"0", "7", "-12", "9223372036854775807", "-9223372036854775808"})
    EXPECT_TRUE(is_canonical_integer(text)) << text;
  for (const auto* text :
       {"", "-", "-0", "007", "+7", "7.0", " 7", "9223372036854775808", "-9223372036854775809", "12a"}) {
    EXPECT_FALSE(is_canonical_integer(text)) << text;
  }
}

TEST(IsUtf8, FollowsTheRfc) {
  EXPECT_TRUE(is_utf8("plain ascii of more than eight bytes"));
  EXPECT_TRUE(is_utf8("Z\xC3\xBCrich \xE6\x9D\xB1\xE4\xBA\xAC \xF0\x9F\x8F\x96"));
  for (const auto* bytes : {"Z\xFCrich", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "12345678\x80"})
    EXPECT_FALSE(is_utf8(bytes));
}

}  // namespace
}  // namespace segue::events
