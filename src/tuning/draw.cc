#include "tuning/draw.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "config/value.h"
#include "support/random.h"

namespace segue::tuning {
namespace {

constexpr std::uint64_t kDrawStream = 0x74756E65ULL;
constexpr int kDigits = 6;

/// Rounded, so that a value can be read, and is the same whatever the last bit of a logarithm.
double rounded(double number) {
  std::array<char, 64> text{};
  const auto written =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, kDigits);
  double result = 0;
  std::from_chars(text.data(), written.ptr, result);
  return result;
}

double draw_number(const Range& range, double uniform) {
  // A whole number k stands for [k, k + 1), so that both ends are drawn.
  const double low = range.low, high = range.integer ? range.high + 1 : range.high;
  const double number = range.scale == Scale::kLog ? low * std::exp(uniform * std::log(high / low))  // low <= high
                                                   : low + uniform * (high - low);
  return std::clamp(range.integer ? std::floor(number) : rounded(number), range.low, range.high);
}

void flatten(const config::Value& value, const std::string& path, Values& values) {
  const auto below = [&](const std::string& word) { return path.empty() ? word : path + "." + word; };
  if (value.kind == config::Value::Kind::kScalar) values.emplace_back(path, value.scalar);
  for (std::size_t i = 0; i < value.elements.size(); ++i) flatten(value.elements[i], below(std::to_string(i)), values);
  for (const auto& entry : value.entries) flatten(entry.value, below(entry.key), values);
}

}  // namespace

Values draw(const std::vector<SearchedKey>& search, std::uint64_t seed, std::int64_t trial) {
  Random random(seed ^ kDrawStream, static_cast<std::uint64_t>(trial));
  Values values;
  for (const SearchedKey& searched : search) {
    if (const auto* range = std::get_if<Range>(&searched.choices)) {
      values.emplace_back(searched.key, config::number_text(draw_number(*range, random.uniform())));
    } else {
      const auto& words = std::get<std::vector<std::string>>(searched.choices);
      values.emplace_back(searched.key, words[random.below(words.size())]);
    }
  }
  return values;
}

std::vector<std::string> extremes(const SearchedKey& searched) {
  if (const auto* range = std::get_if<Range>(&searched.choices))
    return {config::number_text(range->low), config::number_text(range->high)};
  return std::get<std::vector<std::string>>(searched.choices);
}

Json to_json(const Values& values) {
  Json json = Json::object();
  for (const auto& [key, text] : values) {
    const Json parsed = Json::parse(text, nullptr, false);
    json[key] = parsed.is_number() || parsed.is_boolean() ? parsed : Json(text);
  }
  return json;
}

std::string text_of(const Values& values) {
  std::string text;
  for (const auto& [key, value] : values) text += (text.empty() ? "" : ", ") + key + "=" + value;
  return text;
}

Values flat_values(const std::string& yaml) {
  Values values;
  flatten(config::parse_value(yaml, "configuration"), "", values);
  return values;
}

}  // namespace segue::tuning
