#include "tuning/search_directory.h"

#include <cstdio>

#include "support/errors.h"

namespace segue::tuning {
namespace {

constexpr const char* kFormat = "segue tune";
constexpr int kVersion = 1;

bool is_search(const SearchDirectory& search) {
  if (!std::filesystem::exists(search.manifest())) return false;
  const Json manifest = read_json(search.manifest());
  return manifest.is_object() && manifest.contains("format") && manifest.at("format") == kFormat;
}

/// The value at a path that first_difference() found; keys may hold dots themselves.
std::string value_at(const Json& json, const std::string& path) {
  if (path.empty() || !json.is_object()) return json.dump();
  for (const auto& [key, value] : json.items()) {
    if (path == key) return value.dump();
    if (path.starts_with(key + ".")) return value_at(value, path.substr(key.size() + 1));
  }
  return "not there";
}

}  // namespace

std::filesystem::path SearchDirectory::run(std::int64_t trial) const {
  char name[24];
  std::snprintf(name, sizeof name, "%04lld", static_cast<long long>(trial));
  return directory / "trials" / name;
}

void SearchDirectory::claim(bool resume, bool overwrite) const {
  const std::string name = directory.string();
  const bool there = is_search(*this);
  if (resume) {
    if (!there) throw DataError(name + ": there is no search to resume; leave --resume out to start one");
    return;
  }
  if (there && !overwrite)
    throw UsageError(name +
                     " already holds a search: --resume goes on with it, --overwrite replaces it, --out DIR takes "
                     "another folder");
  if (!there && std::filesystem::exists(directory) &&
      (!std::filesystem::is_directory(directory) || !std::filesystem::is_empty(directory)))
    throw UsageError(name + " is not empty and is no search: name another folder by --out DIR");
  if (there) std::filesystem::remove_all(directory);
}

void SearchDirectory::keep(const Json& identity) const {
  if (!std::filesystem::exists(manifest())) {
    Json written = {{"format", kFormat}, {"version", kVersion}};
    written.update(identity);
    write_json(manifest(), written);
    return;
  }
  const std::string where = manifest().string();
  Json kept = read_json(manifest());
  check_format(kept, kFormat, kVersion, where);
  kept.erase("format");
  kept.erase("version");
  if (const std::string path = first_difference(kept, identity); !path.empty())
    throw DataError(where + ": cannot resume: '" + path + "' is " + value_at(identity, path) + " now and was " +
                    value_at(kept, path) + " when the search began; resume with what it began with, or start " +
                    "another search with --out DIR");
}

}  // namespace segue::tuning
