#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/command.h"
#include "support/progress.h"

namespace segue::cli {
namespace {

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null()) return "none";
  if (value.is_number_integer()) {
    const auto n = value.get<std::int64_t>();
    return std::abs(n) < 10000 ? std::to_string(n) : with_thousands(n);
  }
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::abs(number) >= 10000 && std::abs(number) < 1e15) return with_thousands(std::llround(number));
    char text[32];
    std::snprintf(text, sizeof text, "%.5g", number);
    return text;
  }
  std::string text;
  for (const Json& element : value) text += (text.empty() ? "" : ", ") + text_of(element);
  return text.empty() ? "none" : text;
}

void flatten(const Json& value, const std::string& prefix, std::vector<std::pair<std::string, std::string>>& lines) {
  for (const auto& [key, inner] : value.items()) {
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    if (inner.is_object() && !inner.empty())
      flatten(inner, path, lines);
    else
      lines.emplace_back(path, text_of(inner));
  }
}

}  // namespace

void print_result(const GlobalOptions& global, const Json& result) {
  if (global.json) {
    std::printf("%s\n", result.dump().c_str());
    return;
  }
  std::vector<std::pair<std::string, std::string>> lines;
  flatten(result, "", lines);
  std::size_t width = 0;
  for (const auto& line : lines) width = std::max(width, line.first.size());
  for (const auto& [key, text] : lines) {
    std::printf("%s:%s %s\n", key.c_str(), std::string(width - key.size(), ' ').c_str(), text.c_str());
  }
}

}  // namespace segue::cli
