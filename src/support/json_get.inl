#pragma once

#include <limits>
#include <type_traits>
#include <utility>

#include "support/errors.h"

namespace segue {

template <class T>
T json_get(const Json& json, const std::string& key, const std::string& where) {
  if (!json.is_object()) throw DataError(where + ": expected an object that holds '" + key + "'");
  const auto found = json.find(key);
  if (found == json.end()) throw DataError(where + ": '" + key + "' is missing: the file is damaged or incomplete");
  const Json& value = *found;
  const auto wrong = [&](const char* expected) {
    return DataError(where + ": '" + key + "' should be " + expected + ", it is " + value.dump().substr(0, 60));
  };
  // nlohmann converts silently between booleans and all numbers, and cuts what does not fit: here a type is a type.
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) throw wrong("true or false");
  } else if constexpr (std::is_integral_v<T>) {
    if (!value.is_number_integer()) throw wrong("a whole number");
    const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.template get<std::uint64_t>())
                                                 : std::in_range<T>(value.template get<std::int64_t>());
    if (!fits) throw wrong("a whole number within the range of its type");
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) throw wrong("a number");
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) throw wrong("a string");
  }
  try {
    return value.template get<T>();
  } catch (const Json::exception& error) {
    throw DataError(where + ": '" + key + "' has the wrong type: " + error.what());
  }
}

}  // namespace segue
