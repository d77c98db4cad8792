#include "cli/index_source.h"

#include "config/section.h"
#include "recommend/bundle_index.h"
#include "support/errors.h"
#include "support/storage.h"

namespace segue::cli {
namespace {

namespace fs = std::filesystem;

/// Logits are inner products and a bias; no other order is that of the model.
void require_order_of_model(const item_index::IndexOptions& options) {
  if (options.metric != kernels::Metric::kInnerProduct)
    throw ConfigError("index.metric: a bundle's items are ordered by inner_product, as its model was trained");
}

}  // namespace

item_index::IndexOptions IndexSource::options(const std::vector<std::string>& overrides) const {
  Json settings = Json::object();
  if (bundle != nullptr && bundle->bundle.manifest.contains("index"))
    settings["index"] = bundle->bundle.manifest.at("index");
  auto document = config::Document::parse(settings.dump(), "the command line", overrides);
  auto root = document.root();
  auto section = root.section("index", "how items are searched");
  item_index::IndexOptions options;
  options.read(section);
  document.finish();
  if (bundle != nullptr) require_order_of_model(options);
  return options;
}

void require_vectors(const std::string& kind, bool has_vectors, const fs::path& path) {
  if (has_vectors) return;
  throw UsageError(path.string() + ": a model of the kind " + kind +
                   " gives no vectors to items, so there is nothing to index: leave out the section index");
}

IndexSource open_index_source(const fs::path& path, const std::string& ids_file) {
  IndexSource source;
  source.items.origin = path.string();
  if (!fs::is_directory(path)) {
    source.file = std::make_unique<item_index::NpyVectors>(path);
    source.items.vectors = source.file->view();
    if (!ids_file.empty()) source.items.ids = item_index::read_npy_ids(ids_file);
    return source;
  }
  if (!ids_file.empty()) throw UsageError("--ids: the items of a bundle are called by their rows in items.txt");
  source.bundle = std::make_unique<recommend::BundleModel>(recommend::BundleModel::open(path));
  const auto& bundle = *source.bundle;
  require_vectors(bundle.kind(), bundle.has_vectors(), path);
  source.items.vectors = {bundle.item_vectors.data(), bundle.bundle.items.size(), bundle.dim()};
  if (!bundle.output_bias.empty()) source.items.bias = bundle.output_bias.data();
  source.items.weights = recommend::weights_checksum(bundle.bundle);
  source.out = recommend::bundle_index_path(path);
  return source;
}

void add_index_to_bundle(const fs::path& bundle, item_index::NewItems items, const item_index::IndexOptions& options,
                         int n_threads) {
  require_order_of_model(options);
  items.weights = storage::file_checksum(bundle / "weights.safetensors");
  item_index::build_index(recommend::bundle_index_path(bundle), items, options, n_threads);
}

Json index_facts(const item_index::IndexManifest& manifest) {
  std::uint64_t bytes = manifest.removed ? manifest.removed->bytes : 0;
  for (const auto& segment : manifest.segments) bytes += segment.bytes;
  Json facts = {{"items", manifest.n_items},
                {"removed_rows", manifest.n_rows() - manifest.n_items},
                {"segments", manifest.segments.size()},
                {"dim", manifest.dim},
                {"bytes", bytes}};
  for (const char* key : {"kind", "metric", "dtype"}) facts[key] = manifest.options.to_json().at(key);
  if (manifest.options.kind == item_index::IndexKind::kIvf) facts["probes"] = manifest.probes;
  if (!manifest.calibration.is_null()) facts["calibration"] = manifest.calibration;
  return facts;
}

}  // namespace segue::cli
