#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/event_reader.h"

namespace segue::events {

/// A time as ms since 1970 UTC. kIso8601: "2016-08-13", "2016-08-13T10:05", "2016-08-13 10:05:30.25+02:00" (no offset
/// means UTC). Numbers count the unit of `format` since 1970. kAuto: ISO when it looks like a date, else a number:
/// seconds, or milliseconds from 1e11 on. Empty when the text is no such time.
std::optional<std::int64_t> parse_time(std::string_view text, TimeFormat format);
/// As parse_time for a column that is already a number.
std::optional<std::int64_t> time_from_number(double value, TimeFormat format);
std::optional<std::int64_t> time_from_integer(std::int64_t value, TimeFormat format);

/// "2016-08-13T10:05:30Z", for messages and manifests.
std::string format_time(std::int64_t time_ms);

/// A finite decimal number, or NaN for "nan"; empty when the text is none.
std::optional<double> parse_number(std::string_view text);

/// Whether the text is how an int64 is printed: no sign but "-", no leading zeros, no blanks. Only then does an id go
/// through an integer and come back the same.
bool is_canonical_integer(std::string_view text);

/// Whether the bytes are well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view bytes);

/// Quotes a value for a message, cut to a readable length.
std::string quoted(std::string_view value);

}  // namespace segue::events
