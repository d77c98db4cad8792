#include "recommend/output_directory.h"

#include <cstdio>
#include <vector>

#include "recommend/shard_writer.h"
#include "support/errors.h"
#include "support/storage.h"

namespace segue::recommend {
namespace {

namespace fs = std::filesystem;
constexpr const char* kSuccess = "_SUCCESS";
constexpr const char* kRequest = "_request.json";

bool is_ours(const fs::path& file) {
  const auto name = file.filename().string();
  return name == kSuccess || name.starts_with(kRequest) || name.starts_with("part-");
}

/// What a killed run had written aside.
void remove_leftovers(const fs::path& directory) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().find(".tmp-") != std::string::npos) leftovers.push_back(entry.path());
  }
  for (const auto& path : leftovers) fs::remove(path);
}

}  // namespace

OutputDirectory::OutputDirectory(const fs::path& path, const Json& identity, std::int64_t n_shards, OutputFormat format,
                                 Existing existing)
    : path_(path), n_shards_(n_shards), format_(format) {
  if (fs::exists(path) && !fs::is_directory(path)) {
    throw UsageError(path.string() + " is a file: name a folder by --out");
  }
  const bool occupied = fs::exists(path) && !fs::is_empty(path);
  if (occupied) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_directory() || !is_ours(entry.path())) {
        throw UsageError(path.string() + " holds '" + entry.path().filename().string() +
                         "', which is no part of recommendations: name another folder by --out");
      }
    }
  }
  if (occupied && existing == Existing::kRefuse) {
    throw UsageError(path.string() + " holds " + (finished() ? "" : "unfinished ") + "recommendations already: " +
                     (finished() ? "" : "--resume goes on with them, ") + "--overwrite replaces them");
  }
  if (occupied && existing == Existing::kReplace) fs::remove_all(path);
  if (existing == Existing::kResume) {
    if (finished()) return;
    if (fs::exists(path / kRequest)) {
      if (read_json(path / kRequest) != identity) {
        throw UsageError(path.string() +
                         " holds recommendations begun with another bundle, other histories or other options: "
                         "--resume cannot go on with them; --overwrite replaces them");
      }
      remove_leftovers(path);
      return;
    }
    if (occupied) {
      throw UsageError(path.string() + " does not say what its shards were made of: --overwrite replaces them");
    }
  }
  write_json(path / kRequest, identity);
}

fs::path OutputDirectory::shard(std::int64_t index) const {
  char name[64];
  std::snprintf(name, sizeof(name), "part-%05lld-of-%05lld", static_cast<long long>(index),
                static_cast<long long>(n_shards_));
  return path_ / (name + extension_of(format_));
}

bool OutputDirectory::finished() const { return fs::exists(path_ / kSuccess); }

bool OutputDirectory::has_shard(std::int64_t index) const { return fs::exists(shard(index)); }

void OutputDirectory::succeed() const {
  storage::write_file(path_ / kSuccess, "");
  fs::remove(path_ / kRequest);
}

}  // namespace segue::recommend
