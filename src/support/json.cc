#include "support/json.h"

#include "support/errors.h"
#include "support/storage.h"

namespace segue {

Json read_json(const std::filesystem::path& path) {
  const std::string text = storage::read_file(path);
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    std::string cause = error.what();
    if (const auto place = cause.find("parse error"); place != std::string::npos) cause = cause.substr(place);
    throw DataError(path.string() + ": not JSON, or damaged: " + cause);
  }
}

void write_json(const std::filesystem::path& path, const Json& json) { storage::write_file(path, json.dump(2) + "\n"); }

std::string first_difference(const Json& a, const Json& b) {
  if (!a.is_object() || !b.is_object()) return {};
  const auto path_below = [](const std::string& key, const std::string& rest) {
    return rest.empty() ? key : key + "." + rest;
  };
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key)) return key;
    if (b.at(key) != value) return path_below(key, first_difference(value, b.at(key)));
  }
  for (const auto& [key, value] : b.items())
    if (!a.contains(key)) return key;
  return {};
}

void check_format(const Json& manifest, const std::string& format, int newest, const std::string& where) {
  if (!manifest.is_object() || !manifest.contains("format") || !manifest.at("format").is_string()) {
    throw DataError(where + ": not a " + format + ": no format is named in it");
  }
  const auto found = manifest.at("format").get<std::string>();
  if (found != format) throw DataError(where + ": this is a " + found + ", not a " + format);
  const auto version = json_get<int>(manifest, "version", where);
  if (version > newest) {
    throw DataError(where + ": " + format + " of version " + std::to_string(version) +
                    ", written by a newer Segue (this one reads up to " + std::to_string(newest) +
                    "): update the program");
  }
  if (version < 1)
    throw DataError(where + ": " + format + " of version " + std::to_string(version) +
                    " does not exist: the file is damaged");
}

}  // namespace segue
