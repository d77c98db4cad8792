#include "item_index/index_manifest.h"

#include <cstdio>

#include "support/errors.h"
#include "support/storage.h"

namespace segue::item_index {
namespace {

std::string checksum_of(Json manifest) {
  manifest.erase("checksum");
  return storage::checksum(manifest.dump());
}

Json json_of(const IndexFile& file) {
  return {{"file", file.name}, {"rows", file.n_rows}, {"bytes", file.bytes}, {"xxh3", file.xxh3}};
}

IndexFile file_of(const Json& json, const std::string& where) {
  IndexFile file;
  file.name = json_get<std::string>(json, "file", where);
  if (file.name.empty() || file.name.front() == '.' || file.name.find('/') != std::string::npos)
    throw DataError(where + ": '" + file.name + "' is not the name of a file of an index" + kIndexRemedy);
  file.n_rows = json_get<std::int64_t>(json, "rows", where);
  if (file.n_rows < 0 || file.n_rows > kMaxIndexRows)
    throw DataError(where + ": '" + file.name + "' cannot have " + std::to_string(file.n_rows) + " rows" +
                    kIndexRemedy);
  file.bytes = json_get<std::uint64_t>(json, "bytes", where);
  file.xxh3 = json_get<std::string>(json, "xxh3", where);
  return file;
}

}  // namespace

const char* const kIndexRemedy = "; copy the index again, or build it anew: segue index build";

IndexFile IndexFile::of(const std::filesystem::path& path, std::int64_t n_rows) {
  return {path.filename(), n_rows, std::filesystem::file_size(path), storage::file_checksum(path)};
}

void IndexFile::verify(const std::filesystem::path& directory, bool checksum) const {
  const auto path = directory / name;
  std::error_code error;
  const auto found = std::filesystem::file_size(path, error);
  if (error)
    throw DataError(path.string() + ": missing or unreadable, but the index's manifest lists it" + kIndexRemedy);
  if (found != bytes)
    throw DataError(path.string() + ": damaged: it has " + std::to_string(found) + " bytes, the manifest says " +
                    std::to_string(bytes) + kIndexRemedy);
  if (checksum && storage::file_checksum(path) != xxh3)
    throw DataError(path.string() + ": damaged, or of another index: its checksum is not the one in the manifest" +
                    kIndexRemedy);
}

std::int64_t IndexManifest::n_rows() const {
  std::int64_t n = 0;
  for (const auto& segment : segments) n += segment.n_rows;
  return n;
}

std::string IndexManifest::new_name(const std::string& stem) {
  char name[64];
  std::snprintf(name, sizeof name, "%s-%06lld.safetensors", stem.c_str(), static_cast<long long>(next_file++));
  return name;
}

Json IndexManifest::to_json() const {
  Json json = {{"format", kIndexFormat}, {"version", kIndexVersion}, {"items", n_items}, {"dim", dim}};
  json["options"] = options.to_json();
  json["probes"] = probes;
  if (!calibration.is_null()) json["calibration"] = calibration;
  if (!weights.empty()) json["weights"] = weights;
  json["segments"] = Json::array();
  for (const auto& segment : segments) json["segments"].push_back(json_of(segment));
  if (removed) json["removed"] = json_of(*removed);
  if (queries) json["queries"] = json_of(*queries);
  json["next_file"] = next_file;
  json["next_id"] = next_id;
  json["checksum"] = checksum_of(json);
  return json;
}

IndexManifest IndexManifest::read(const std::filesystem::path& directory) {
  const auto path = directory / kIndexManifest;
  const auto where = path.string();
  if (!std::filesystem::is_regular_file(path))
    throw DataError(directory.string() +
                    ": not an index: it holds no manifest.json; make one: segue index build VECTORS.npy --out " +
                    directory.string());
  const Json json = read_json(path);
  check_format(json, kIndexFormat, kIndexVersion, where);
  if (json_get<std::string>(json, "checksum", where) != checksum_of(json))
    throw DataError(where + ": damaged: its content does not match its own checksum" + kIndexRemedy);
  IndexManifest manifest;
  manifest.options = IndexOptions::from_json(json_get<Json>(json, "options", where), where);
  manifest.dim = json_get<std::int64_t>(json, "dim", where);
  manifest.n_items = json_get<std::int64_t>(json, "items", where);
  manifest.probes = json_get<std::int64_t>(json, "probes", where);
  if (json.contains("calibration")) manifest.calibration = json.at("calibration");
  if (json.contains("weights")) manifest.weights = json_get<std::string>(json, "weights", where);
  for (const Json& segment : json_get<Json>(json, "segments", where))
    manifest.segments.push_back(file_of(segment, where));
  if (json.contains("removed")) manifest.removed = file_of(json.at("removed"), where);
  if (json.contains("queries")) manifest.queries = file_of(json.at("queries"), where);
  manifest.next_file = json_get<std::int64_t>(json, "next_file", where);
  manifest.next_id = json_get<std::int64_t>(json, "next_id", where);
  const auto n_removed = manifest.removed ? manifest.removed->n_rows : 0;
  if (manifest.dim < 1 || manifest.probes < 0 || manifest.n_rows() > kMaxIndexRows ||
      manifest.n_rows() - n_removed != manifest.n_items)
    throw DataError(where + ": damaged: its counts contradict each other" + kIndexRemedy);
  return manifest;
}

void IndexManifest::write(const std::filesystem::path& directory) const {
  write_json(directory / kIndexManifest, to_json());
}

bool is_index(const std::filesystem::path& directory) {
  const auto path = directory / kIndexManifest;
  if (!std::filesystem::is_regular_file(path)) return false;
  try {
    const Json json = read_json(path);
    return json.is_object() && json.value("format", Json()) == kIndexFormat;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace segue::item_index
