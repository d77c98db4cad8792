#include "events/text_values.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace segue::events {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
// Seconds reach the year 5138 below this, and milliseconds start in March 1973 above it.
constexpr std::int64_t kAutoMilliseconds = 100'000'000'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads exactly n digits at the front of `text` and removes them.
bool take_digits(std::string_view& text, int n, int& value) {
  if (text.size() < static_cast<std::size_t>(n)) return false;
  value = 0;
  for (int i = 0; i < n; ++i) {
    const char c = text[static_cast<std::size_t>(i)];
    if (!is_digit(c)) return false;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(static_cast<std::size_t>(n));
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

/// The clock part "HH:MM[:SS[.fraction]]" in ms.
bool take_clock(std::string_view& text, std::int64_t& ms) {
  int hour = 0, minute = 0, second = 0;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute)) return false;
  std::int64_t fraction = 0;
  if (take(text, ':')) {
    if (!take_digits(text, 2, second)) return false;
    if (take(text, '.')) {
      if (text.empty() || !is_digit(text.front())) return false;
      for (int scale = 100; !text.empty() && is_digit(text.front()); text.remove_prefix(1), scale /= 10) {
        fraction += scale * (text.front() - '0');
      }
    }
  }
  if (hour > 23 || minute > 59 || second > 60) return false;
  ms = ((hour * 60 + minute) * 60 + second) * 1000LL + fraction;
  return true;
}

/// "Z", "+02:00", "+0200", "+02" or nothing; ms east of UTC.
bool take_offset(std::string_view& text, std::int64_t& ms) {
  ms = 0;
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return true;
  const bool west = text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return false;
  int hour = 0, minute = 0;
  if (!take_digits(text, 2, hour)) return false;
  if (!text.empty()) {
    take(text, ':');
    if (!take_digits(text, 2, minute)) return false;
  }
  if (hour > 23 || minute > 59) return false;
  ms = (hour * 60 + minute) * 60'000LL * (west ? -1 : 1);
  return true;
}

std::optional<std::int64_t> parse_iso(std::string_view text) {
  int year = 0, month = 0, day = 0;
  if (!take_digits(text, 4, year) || !take(text, '-') || !take_digits(text, 2, month) || !take(text, '-') ||
      !take_digits(text, 2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  std::int64_t ms = std::chrono::sys_days{date}.time_since_epoch().count() * kDayMs;
  if (text.empty()) return ms;
  std::int64_t clock = 0, offset = 0;
  if (!take(text, 'T') && !take(text, ' ') && !take(text, 't')) return std::nullopt;
  if (!take_clock(text, clock) || !take_offset(text, offset) || !text.empty()) return std::nullopt;
  return ms + clock - offset;
}

std::int64_t unit_ms(TimeFormat format) {
  switch (format) {
    case TimeFormat::kMilliseconds: return 1;
    case TimeFormat::kMinutes: return 60'000;
    case TimeFormat::kDays: return kDayMs;
    default: return 1000;
  }
}

}  // namespace

std::optional<std::int64_t> time_from_integer(std::int64_t value, TimeFormat format) {
  if (format == TimeFormat::kIso8601) return std::nullopt;
  if (format == TimeFormat::kAuto && std::abs(value) >= kAutoMilliseconds) format = TimeFormat::kMilliseconds;
  std::int64_t ms = 0;
  if (__builtin_mul_overflow(value, unit_ms(format), &ms) || ms == kMissingTime) return std::nullopt;
  return ms;
}

std::optional<std::int64_t> time_from_number(double value, TimeFormat format) {
  if (!std::isfinite(value) || format == TimeFormat::kIso8601) return std::nullopt;
  if (format == TimeFormat::kAuto && std::abs(value) >= static_cast<double>(kAutoMilliseconds)) {
    format = TimeFormat::kMilliseconds;
  }
  const double ms = std::round(value * static_cast<double>(unit_ms(format)));
  if (std::abs(ms) >= 9e18) return std::nullopt;
  return static_cast<std::int64_t>(ms);
}

std::optional<std::int64_t> parse_time(std::string_view text, TimeFormat format) {
  if (format == TimeFormat::kIso8601 || (format == TimeFormat::kAuto && text.size() >= 8 && text[4] == '-')) {
    return parse_iso(text);
  }
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end) return time_from_integer(value, format);
  const auto number = parse_number(text);
  return number ? time_from_number(*number, format) : std::nullopt;
}

std::string format_time(std::int64_t time_ms) {
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::milliseconds{time_ms});
  const std::chrono::year_month_day date{std::chrono::sys_days{days}};
  const auto second = (time_ms - days.count() * kDayMs) / 1000;
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(second / 3600),
                static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  return text;
}

std::optional<double> parse_number(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  if (text == "nan" || text == "NaN" || text == "NAN") return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool is_canonical_integer(std::string_view text) {
  if (text.empty() || text.size() > 20) return false;
  const bool negative = text.front() == '-';
  const auto digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 19) return false;
  if (digits.front() == '0' && (digits.size() > 1 || negative)) return false;
  for (const char c : digits) {
    if (!is_digit(c)) return false;
  }
  if (digits.size() < 19) return true;
  std::int64_t value = 0;
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

bool is_utf8(std::string_view bytes) {
  std::size_t i = 0;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  while (i < bytes.size()) {
    // Nearly all bytes of ids are ASCII: eight at a time.
    if (i + 8 <= bytes.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, 8);
      if ((word & 0x8080808080808080ULL) == 0) {
        i += 8;
        continue;
      }
    }
    const unsigned first = byte(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || i + n > bytes.size()) return false;
    const unsigned second = byte(i + 1);
    const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;   // no overlong forms
    const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;  // no surrogates, nothing above U+10FFFF
    if (second < low || second > high) return false;
    for (std::size_t k = 2; k < n; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    i += n;
  }
  return true;
}

std::string quoted(std::string_view value) {
  constexpr std::size_t kLongest = 60;
  std::string text = "'";
  for (const char c : value.substr(0, kLongest)) {
    const auto code = static_cast<unsigned char>(c);
    if (code >= 0x20 && code < 0x7F) {
      text += c;
    } else if (code >= 0x80 && is_utf8(value)) {
      text += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02X", code);
      text += escaped;
    }
  }
  return text + (value.size() > kLongest ? "...'" : "'");
}

}  // namespace segue::events
