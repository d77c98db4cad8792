#include "model_file/bundle.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "support/errors.h"
#include "support/storage.h"

namespace segue::model_file {
namespace {

constexpr const char* kFormat = "segue bundle";
constexpr const char* kManifest = "manifest.json";
constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kItems = "items.txt";
constexpr const char* kFeatures = "features.json";
constexpr const char* kItemTransforms = "item_features.json";
constexpr const char* kItemTables = "item_features.safetensors";
constexpr const char* kAvailability = "availability.safetensors";
constexpr const char* kScripted = "model.pt";
constexpr const char* kRemedy = "; copy the bundle again, or make it anew: segue export RUN --out BUNDLE";

std::string manifest_checksum(Json manifest) {
  manifest.erase("checksum");
  return storage::checksum(manifest.dump());
}

void verify_file(const std::filesystem::path& directory, const std::string& name, const Json& entry) {
  const auto path = directory / name;
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    throw DataError((directory / kManifest).string() + ": '" + name + "' is not the name of a file of a bundle" +
                    kRemedy);
  }
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) throw DataError(path.string() + ": missing or unreadable, but the bundle's manifest lists it" + kRemedy);
  const auto where = (directory / kManifest).string() + ": files." + name;
  const auto expected = json_get<std::uint64_t>(entry, "bytes", where);
  if (bytes != expected) {
    throw DataError(path.string() + ": damaged: it has " + std::to_string(bytes) + " bytes, the manifest says " +
                    std::to_string(expected) + kRemedy);
  }
  if (storage::file_checksum(path) != json_get<std::string>(entry, "xxh3", where)) {
    throw DataError(path.string() + ": damaged: its checksum is not the one in the manifest" + kRemedy);
  }
}

}  // namespace

Bundle Bundle::open(const std::filesystem::path& directory) {
  const auto manifest_path = directory / kManifest;
  const std::string where = manifest_path.string();
  if (!std::filesystem::is_regular_file(manifest_path)) {
    throw DataError(directory.string() +
                    ": not a bundle: it holds no manifest.json; make one: segue export RUN --out " +
                    directory.string());
  }
  Bundle bundle;
  bundle.manifest = read_json(manifest_path);
  check_format(bundle.manifest, kFormat, kBundleVersion, where);
  if (json_get<std::string>(bundle.manifest, "checksum", where) != manifest_checksum(bundle.manifest)) {
    throw DataError(where + ": damaged: its content does not match its own checksum" + kRemedy);
  }
  const Json files = json_get<Json>(bundle.manifest, "files", where);
  std::vector<const char*> names = {kWeights, kItems, kFeatures};
  const int version = json_get<int>(bundle.manifest, "version", where);
  const bool has_intervals = version > kBundleVersionWithoutIntervals;
  const bool has_item_features =
      has_intervals ? files.contains(kItemTransforms) : version > kBundleVersionWithoutItemFeatures;
  if (has_item_features) names.insert(names.end(), {kItemTransforms, kItemTables});
  if (has_intervals) names.push_back(kAvailability);
  for (const char* needed : names) {
    if (!files.contains(needed)) throw DataError(where + ": lists no file '" + needed + "'" + kRemedy);
  }
  for (const auto& [name, entry] : files.items()) {
    // Nothing here reads model.pt: a copy of the bundle without it is a whole one.
    if (name != kScripted) verify_file(directory, name, entry);
  }
  const auto items_path = directory / kItems;
  bundle.items = features::Vocabulary::from_text(storage::read_file(items_path), items_path.string());
  const auto read_transforms = [&](const char* name) {
    return features::FeaturePipeline::from_json(read_json(directory / name), (directory / name).string());
  };
  bundle.pipeline = read_transforms(kFeatures);
  bundle.weights = std::make_unique<SafetensorsFile>(directory / kWeights);
  if (has_item_features) {
    bundle.item_pipeline = read_transforms(kItemTransforms);
    bundle.item_features = std::make_unique<SafetensorsFile>(directory / kItemTables);
  }
  if (has_intervals) {
    const SafetensorsFile file(directory / kAvailability);
    const auto read_ends = [&](const char* name, std::vector<std::int64_t>& ends) {
      const auto& stored = file.expect(name, DType::kI64, {bundle.items.size()}, kRemedy);
      ends.resize(static_cast<std::size_t>(bundle.items.size()));
      std::memcpy(ends.data(), stored.bytes.data(), stored.bytes.size());
    };
    read_ends("from_ms", bundle.available_from_ms);
    read_ends("until_ms", bundle.available_until_ms);
  }
  const auto n_items = json_get<std::int64_t>(bundle.manifest, "n_items", where);
  if (n_items != bundle.items.size()) {
    throw DataError(where + ": says " + std::to_string(n_items) + " items, items.txt holds " +
                    std::to_string(bundle.items.size()) + kRemedy);
  }
  bundle.items.is_integer = json_get<bool>(bundle.manifest, "items_are_integers", where);
  return bundle;
}

void write_bundle_files(const std::filesystem::path& directory, Json manifest, const features::Vocabulary& items,
                        const features::FeaturePipeline& pipeline, const std::map<std::string, TensorBytes>& weights,
                        const ItemTables& item_features) {
  const bool has_item_features = !item_features.pipeline.specs().empty();
  write_safetensors(directory / kWeights, weights, {});
  storage::write_file(directory / kItems, items.to_text());
  write_json(directory / kFeatures, pipeline.to_json());
  if (has_item_features) {
    write_json(directory / kItemTransforms, item_features.pipeline.to_json());
    write_safetensors(directory / kItemTables, item_features.tables, {});
  }
  const bool has_intervals = !item_features.available_from_ms.empty();
  if (has_intervals) {
    const auto ends = [&](std::span<const std::int64_t> times) {
      return TensorBytes{
          DType::kI64, {items.size()}, {reinterpret_cast<const char*>(times.data()), times.size_bytes()}};
    };
    write_safetensors(
        directory / kAvailability,
        {{"from_ms", ends(item_features.available_from_ms)}, {"until_ms", ends(item_features.available_until_ms)}}, {});
  }

  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().filename() != kManifest) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  Json full = {{"format", kFormat},
               {"version", has_intervals       ? kBundleVersion
                           : has_item_features ? kBundleVersionWithoutIntervals
                                               : kBundleVersionWithoutItemFeatures}};
  for (const auto& [key, value] : manifest.items()) full[key] = value;
  full["n_items"] = items.size();
  full["items_are_integers"] = items.is_integer;
  full["files"] = Json::object();
  for (const auto& name : names) {
    full["files"][name] = {{"bytes", std::filesystem::file_size(directory / name)},
                           {"xxh3", storage::file_checksum(directory / name)}};
  }
  full["checksum"] = manifest_checksum(full);
  write_json(directory / kManifest, full);
}

}  // namespace segue::model_file
