#pragma once

#include <string>
#include <utility>
#include <vector>

namespace segue::config {

/// Where a value was written.
struct Place {
  std::string origin;                      ///< file name, or "command line"
  int line = 0;                            ///< from 1; 0: has no lines
  int column = 0;                          ///< from 1
  [[nodiscard]] std::string text() const;  ///< "gru.yaml:3:7"
};

/// A YAML value with the place it stands at: what a configuration is made of before anybody gives it a type.
struct Value {
  enum class Kind { kAbsent, kNull, kScalar, kList, kMapping };
  struct Entry;

  Kind kind = Kind::kAbsent;
  Place place;
  std::string scalar;
  std::vector<Value> elements;
  std::vector<Entry> entries;  ///< in the order of the file

  [[nodiscard]] const Value* find(const std::string& key) const;
  [[nodiscard]] const char* kind_name() const;  ///< "a list"
};

struct Value::Entry {
  std::string key;
  Place place;
  Value value;
};

/// @throws ConfigError  not YAML, more than one document, a key given twice, a
/// key that is not a word
Value parse_value(const std::string& yaml, const std::string& origin);

/// Applies "a.b.0.c=value" to `root`; the value is YAML.
/// @throws ConfigError  no "=", a path through a scalar, a list element beyond the end
void apply_override(Value& root, const std::string& assignment);

/// The shortest text that reads back as the same number.
std::string number_text(double number);

}  // namespace segue::config
