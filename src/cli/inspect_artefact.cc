#include "cli/inspect_artefact.h"

#include <algorithm>
#include <vector>

#include "dataset/dataset.h"
#include "item_index/item_index.h"
#include "model_file/bundle.h"
#include "model_file/safetensors.h"
#include "support/errors.h"

namespace segue::cli {
namespace {

namespace fs = std::filesystem;

/// The entries of a manifest that are single facts; what is long stays in the file.
void add_facts(const Json& manifest, Json& result) {
  for (const auto& [key, value] : manifest.items()) {
    if (value.is_array() ? value.size() <= 8 &&
                               std::none_of(value.begin(), value.end(), [](const Json& e) { return e.is_structured(); })
                         : !value.is_object() || value.size() <= 24) {
      if (key != "checksums" && key != "files") result[key] = value;
    }
  }
}

Json names_of(const features::FeaturePipeline& pipeline) {
  Json names = Json::array();
  for (const auto& spec : pipeline.specs()) names.push_back(spec.name);
  return names;
}

Json inspect_dataset(const fs::path& path) {
  const Dataset dataset = Dataset::open(path, true);
  Json result = {{"kind", "prepared dataset"}, {"path", path.string()}, {"checksums", "good"}};
  result["events"] = dataset.n_events();
  result["sequences"] = dataset.n_sequences();
  result["items"] = dataset.n_items();
  result["fingerprint"] = dataset.fingerprint();
  result["features"] = names_of(dataset.pipeline());
  result["item_features"] = names_of(dataset.item_pipeline());
  add_facts(dataset.manifest(), result["manifest"]);
  return result;
}

Json inspect_tensors(const fs::path& path) {
  const model_file::SafetensorsFile file(path);
  Json result = {{"kind", file.metadata().contains("segue") ? "checkpoint" : "safetensors file"},
                 {"path", path.string()}};
  std::int64_t bytes = 0, numbers = 0;
  Json tensors = Json::object();
  for (const auto& [name, tensor] : file.tensors()) {
    bytes += static_cast<std::int64_t>(tensor.bytes.size());
    numbers += static_cast<std::int64_t>(tensor.bytes.size() / model_file::size_of(tensor.dtype));
    tensors[name] = tensor.shape;
  }
  result["tensors"] = file.tensors().size();
  result["numbers"] = numbers;
  result["bytes"] = bytes;
  if (const auto state = file.metadata().find("segue"); state != file.metadata().end()) {
    try {
      add_facts(Json::parse(state->second), result["state"]);
    } catch (const Json::exception&) {
      throw DataError(path.string() + ": the state in the metadata is not JSON: the file is damaged");
    }
  }
  result["shapes"] = tensors;
  return result;
}

Json inspect_bundle(const fs::path& path) {
  const auto bundle = model_file::Bundle::open(path);
  Json result = {{"kind", "bundle"}, {"path", path.string()}, {"checksums", "good"}};
  result["items"] = bundle.items.size();
  result["index"] = fs::exists(path / "index") ? "index" : "none: segue index build " + path.string();
  result["tensors"] = bundle.weights->tensors().size();
  result["features"] = names_of(bundle.pipeline);
  result["item_features"] = names_of(bundle.item_pipeline);
  add_facts(bundle.manifest, result["manifest"]);
  return result;
}

Json inspect_index(const fs::path& path) {
  const auto index = item_index::ItemIndex::open(path);
  const auto& manifest = index.manifest();
  Json result = {{"kind", item_index::kIndexFormat}, {"path", path.string()}, {"checksums", "good"}};
  result["items"] = index.n_items();
  result["removed_rows"] = index.removed_rows().size();
  result["segments"] = index.segments().size();
  std::uint64_t bytes = manifest.removed ? manifest.removed->bytes : 0;
  for (const auto& segment : manifest.segments) bytes += segment.bytes;
  result["bytes"] = bytes;
  add_facts(manifest.to_json(), result["manifest"]);
  return result;
}

Json inspect_run(const fs::path& path) {
  Json result = {{"kind", "run directory"}, {"path", path.string()}};
  if (fs::exists(path / "manifest.json")) add_facts(read_json(path / "manifest.json"), result["manifest"]);
  for (const char* name : {"best", "latest"}) {
    const fs::path checkpoint = path / "checkpoints" / (std::string(name) + ".safetensors");
    if (!fs::exists(checkpoint)) {
      result["checkpoints"][name] = "none";
      continue;
    }
    const Json whole = inspect_tensors(checkpoint);
    Json found = {{"tensors", whole.at("tensors")}, {"bytes", whole.at("bytes")}};
    for (const char* key : {"epoch", "step", "metric", "best_metric", "best_epoch", "finished"}) {
      if (whole.contains("state") && whole.at("state").contains(key)) found[key] = whole.at("state").at(key);
    }
    result["checkpoints"][name] = found;
  }
  result["evaluation"] =
      fs::exists(path / "evaluation.json") ? "evaluation.json" : "none: segue evaluate " + path.string();
  result["report"] = fs::exists(path / "report.html") ? "report.html" : "none: segue report " + path.string();
  return result;
}

Json inspect_recommendations(const fs::path& path) {
  std::int64_t shards = 0, bytes = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (!entry.path().filename().string().starts_with("part-")) continue;
    ++shards;
    bytes += static_cast<std::int64_t>(entry.file_size());
  }
  return {{"kind", "recommendations"},
          {"path", path.string()},
          {"shards", shards},
          {"bytes", bytes},
          {"complete", fs::exists(path / "_SUCCESS")}};
}

bool holds_shards(const fs::path& path) {
  if (fs::exists(path / "_SUCCESS")) return true;
  return std::any_of(fs::directory_iterator(path), fs::directory_iterator(), [](const fs::directory_entry& entry) {
    return entry.path().filename().string().starts_with("part-");
  });
}

}  // namespace

Json inspect_artefact(const fs::path& path) {
  if (!fs::exists(path)) throw DataError(path.string() + ": no such file or folder");
  if (!fs::is_directory(path)) {
    if (path.extension() == ".safetensors") return inspect_tensors(path);
  } else if (fs::exists(path / "config.yaml")) {
    return inspect_run(path);
  } else if (fs::exists(path / "manifest.json")) {
    const Json manifest = read_json(path / "manifest.json");
    const auto format = json_get<std::string>(manifest, "format", (path / "manifest.json").string());
    if (format == "segue bundle") return inspect_bundle(path);
    if (format == item_index::kIndexFormat) return inspect_index(path);
    if (format == "segue dataset" || format == "segue prepared dataset") return inspect_dataset(path);
    if (holds_shards(path)) return inspect_recommendations(path);
    Json result = {{"kind", format}, {"path", path.string()}};
    add_facts(manifest, result["manifest"]);
    return result;
  } else if (holds_shards(path)) {
    return inspect_recommendations(path);
  }
  throw DataError(path.string() +
                  ": nothing of Segue's; expected a prepared dataset, a run directory, a .safetensors file, a bundle, "
                  "an index or a folder of recommendations");
}

}  // namespace segue::cli
