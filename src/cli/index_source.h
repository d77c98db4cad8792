#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "item_index/index_options.h"
#include "item_index/index_writer.h"
#include "item_index/npy_file.h"
#include "recommend/bundle_model.h"
#include "support/json.h"

namespace segue::cli {

/// Items to make an index of: those of a .npy file, or those of a bundle.
struct IndexSource {
  std::unique_ptr<item_index::NpyVectors> file;
  std::unique_ptr<recommend::BundleModel> bundle;
  item_index::NewItems items;  ///< refers to one of the two
  std::filesystem::path out;   ///< where the index goes unless told otherwise; empty: it has to be told

  /// The settings of an index of it: those that the bundle was exported with, if any, and the overrides.
  /// @throws ConfigError  a wrong override; a metric that is not that of the model
  [[nodiscard]] item_index::IndexOptions options(const std::vector<std::string>& overrides) const;
};

/// @param ids_file  of a .npy file's rows; empty: numbered from 0
/// @throws DataError   neither of them, or damaged
/// @throws UsageError  ids for the items of a bundle, which are called by their rows
IndexSource open_index_source(const std::filesystem::path& path, const std::string& ids_file);

/// @throws UsageError  a model whose items have no vectors
void require_vectors(const std::string& kind, bool has_vectors, const std::filesystem::path& path);

/// Puts an index into a bundle's folder that is about to be complete.
/// @param items  of the model, in the order of items.txt
void add_index_to_bundle(const std::filesystem::path& bundle, item_index::NewItems items,
                         const item_index::IndexOptions& options, int n_threads);

/// What an index is, in a few facts.
Json index_facts(const item_index::IndexManifest& manifest);

}  // namespace segue::cli
