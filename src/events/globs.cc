#include <fnmatch.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "events/event_reader.h"
#include "support/errors.h"

namespace segue::events {
namespace {

namespace fs = std::filesystem;

bool has_wildcard(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

/// Names in a folder, sorted; nothing when it cannot be read.
std::vector<fs::path> entries(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? fs::path(".") : folder, ignored)) {
    found.push_back(entry.path().filename());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void match(const fs::path& folder, const std::vector<std::string>& parts, std::size_t at,
           std::vector<fs::path>& found) {
  std::error_code ignored;
  if (at == parts.size()) {
    if (fs::is_regular_file(folder, ignored)) found.push_back(folder);
    return;
  }
  const auto& part = parts[at];
  if (part == "**") {
    match(folder, parts, at + 1, found);
    for (const auto& name : entries(folder)) {
      const auto path = folder / name;
      if (fs::is_directory(path, ignored) && !fs::is_symlink(path, ignored) && !name.string().starts_with('.')) {
        match(path, parts, at, found);
      }
    }
  } else if (!has_wildcard(part)) {
    match(folder / part, parts, at + 1, found);
  } else {
    for (const auto& name : entries(folder)) {
      if (fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) match(folder / name, parts, at + 1, found);
    }
  }
}

/// The glob with every ${NAME} replaced by that environment variable.
std::string with_variables(const std::string& glob) {
  std::string text;
  for (std::size_t at = 0;;) {
    const auto open = glob.find("${", at);
    const auto close = open == std::string::npos ? open : glob.find('}', open);
    text += glob.substr(at, open == std::string::npos || close == std::string::npos ? std::string::npos : open - at);
    if (open == std::string::npos || close == std::string::npos) return text;
    const auto name = glob.substr(open + 2, close - open - 2);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') {
      throw ConfigError("'" + glob + "': the environment variable " + name +
                        " is not set; set it to the folder of the data");
    }
    text += value;
    at = close + 1;
  }
}

}  // namespace

std::vector<fs::path> expand_globs(const std::vector<std::string>& globs) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  for (const auto& named : globs) {
    const auto glob = with_variables(named);
    const fs::path pattern(glob);
    std::vector<std::string> parts;
    for (const auto& part : pattern.relative_path()) parts.push_back(part.string());
    std::vector<fs::path> found;
    if (fs::is_regular_file(pattern)) {
      found.push_back(pattern);  // also a name that holds a bracket
    } else {
      match(pattern.root_path(), parts, 0, found);
    }
    if (found.empty()) throw DataError("no file matches '" + glob + "' (from " + fs::current_path().string() + ")");
    std::sort(found.begin(), found.end());
    for (auto& file : found) {
      if (seen.insert(file.lexically_normal()).second) files.push_back(std::move(file));
    }
  }
  return files;
}

}  // namespace segue::events
