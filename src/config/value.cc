#include "config/value.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "support/errors.h"

namespace segue::config {
namespace {

constexpr int kDeepest = 64;  // a document that refers to itself would never end

Place place_of(const YAML::Mark& mark, const std::string& origin) {
  if (mark.is_null()) return {origin, 0, 0};
  return {origin, mark.line + 1, mark.column + 1};
}

Value convert(const YAML::Node& node, const std::string& origin, int depth) {
  Value value;
  value.place = place_of(node.Mark(), origin);
  if (depth > kDeepest) throw ConfigError(value.place.text() + ": nested too deeply");
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null: value.kind = Value::Kind::kNull; break;
    case YAML::NodeType::Scalar:
      value.kind = Value::Kind::kScalar;
      value.scalar = node.Scalar();
      break;
    case YAML::NodeType::Sequence:
      value.kind = Value::Kind::kList;
      for (const YAML::Node& element : node) value.elements.push_back(convert(element, origin, depth + 1));
      break;
    case YAML::NodeType::Map:
      value.kind = Value::Kind::kMapping;
      for (const auto& entry : node) {
        const Place place = place_of(entry.first.Mark(), origin);
        if (!entry.first.IsScalar()) throw ConfigError(place.text() + ": a key must be a word");
        const std::string& key = entry.first.Scalar();
        if (value.find(key) != nullptr) throw ConfigError(place.text() + ": key '" + key + "' is given twice");
        value.entries.push_back({key, place, convert(entry.second, origin, depth + 1)});
      }
      break;
  }
  return value;
}

}  // namespace

std::string Place::text() const {
  return line == 0 ? origin : origin + ":" + std::to_string(line) + ":" + std::to_string(column);
}

const Value* Value::find(const std::string& key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

const char* Value::kind_name() const {
  switch (kind) {
    case Kind::kAbsent:
    case Kind::kNull: return "nothing";
    case Kind::kScalar: return "a single value";
    case Kind::kList: return "a list";
    case Kind::kMapping: return "a mapping";
  }
  return "";
}

std::string number_text(double number) {
  if (std::isnan(number)) return ".nan";
  if (std::isinf(number)) return number > 0 ? ".inf" : "-.inf";
  std::array<char, 32> text{};
  // Whole numbers in full: 100000, not 1e+05.
  const bool whole = number == std::trunc(number) && std::abs(number) < 1e15;
  const auto result = whole ? std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(number))
                            : std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), result.ptr};
}

Value parse_value(const std::string& yaml, const std::string& origin) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(yaml);
    if (documents.size() > 1) {
      throw ConfigError(place_of(documents[1].Mark(), origin).text() + ": a second YAML document; one is expected");
    }
    return convert(documents.empty() ? YAML::Node() : documents[0], origin, 0);
  } catch (const YAML::Exception& error) {
    throw ConfigError(place_of(error.mark, origin).text() + ": not YAML: " + error.msg);
  }
}

}  // namespace segue::config
