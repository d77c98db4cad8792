#include "recommend/bundle_index.h"

#include "support/errors.h"

namespace segue::recommend {

std::filesystem::path bundle_index_path(const std::filesystem::path& bundle) { return bundle / "index"; }

std::string weights_checksum(const model_file::Bundle& bundle) {
  return bundle.manifest.at("files").at("weights.safetensors").at("xxh3").get<std::string>();
}

std::unique_ptr<item_index::ItemIndex> open_bundle_index(const std::filesystem::path& directory,
                                                         const BundleModel& model) {
  const auto path = bundle_index_path(directory);
  if (!std::filesystem::exists(path)) return nullptr;
  auto index = std::make_unique<item_index::ItemIndex>(item_index::ItemIndex::open(path));
  const auto refuse = [&](const std::string& what) {
    throw DataError(path.string() + ": " + what + "; make it anew: segue index build " + directory.string() +
                    " --overwrite, or delete it");
  };
  if (index->manifest().weights != weights_checksum(model.bundle))
    refuse("this index was made of other weights than those of the bundle");
  const std::int64_t n = model.bundle.items.size();
  if (index->n_rows() != n || index->n_items() != n || index->segments().size() != 1 || !model.has_vectors() ||
      index->dim() != model.dim())
    refuse("this index does not hold the " + std::to_string(n) + " items of the bundle, each of them once");
  const auto ids = index->segments().front()->ids();
  for (std::int64_t row = 0; row < n; ++row) {
    if (ids[static_cast<std::size_t>(row)] != row) refuse("the ids of this index are not the rows of items.txt");
  }
  return index;
}

}  // namespace segue::recommend
