#include <charconv>
#include <optional>

#include "config/value.h"
#include "support/errors.h"

namespace segue::config {
namespace {

std::optional<std::size_t> as_index(const std::string& word) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), index);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return index;
}

bool is_empty(const Value& value) { return value.kind == Value::Kind::kAbsent || value.kind == Value::Kind::kNull; }

/// The element or entry `word` of `value`, made if it is not there; `path` is what leads to `value`.
Value& step_into(Value& value, const std::string& word, const std::string& path, const Place& place) {
  const auto index = as_index(word);
  if (is_empty(value)) value.kind = index ? Value::Kind::kList : Value::Kind::kMapping;
  if (value.kind == Value::Kind::kList) {
    if (!index) {
      throw ConfigError(place.text() + ": " + path + " is a list: name an element by its number (from 0), not by '" +
                        word + "'");
    }
    if (*index > value.elements.size()) {
      throw ConfigError(place.text() + ": " + path + " has " + std::to_string(value.elements.size()) +
                        " elements; number " + word + " is beyond the end");
    }
    if (*index == value.elements.size()) value.elements.emplace_back();
    return value.elements[*index];
  }
  if (value.kind == Value::Kind::kMapping) {
    for (Value::Entry& entry : value.entries) {
      if (entry.key == word) return entry.value;
    }
    value.entries.push_back({word, place, {}});
    return value.entries.back().value;
  }
  throw ConfigError(place.text() + ": " + path + " is a single value (" + value.place.text() + "); it holds no '" +
                    word + "'");
}

}  // namespace

void apply_override(Value& root, const std::string& assignment) {
  const Place place{"command line", 0, 0};
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw ConfigError(place.text() + ": '" + assignment +
                      "': an override is key=value, for example training.learning_rate=3e-4");
  }
  const std::string path = assignment.substr(0, equals);
  Value* value = &root;
  std::string walked;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string word = path.substr(begin, end - begin);
    if (word.empty()) throw ConfigError(place.text() + ": '" + assignment + "': '" + path + "' is no dotted path");
    value = &step_into(*value, word, walked.empty() ? "the configuration" : walked, place);
    walked += (walked.empty() ? "" : ".") + word;
    begin = end + 1;
  }
  Value parsed;
  try {
    parsed = parse_value(assignment.substr(equals + 1), place.origin);
  } catch (const ConfigError& error) {
    throw ConfigError(std::string(error.what()) + " (in '" + assignment + "')");
  }
  // "key=" empties a word or a list.
  if (parsed.kind == Value::Kind::kNull && equals + 1 == assignment.size()) parsed.kind = Value::Kind::kScalar;
  const auto forget_lines = [&](auto& self, Value& part) -> void {
    part.place = place;
    for (Value& element : part.elements) self(self, element);
    for (Value::Entry& entry : part.entries) {
      entry.place = place;
      self(self, entry.value);
    }
  };
  forget_lines(forget_lines, parsed);
  *value = std::move(parsed);
}

}  // namespace segue::config
