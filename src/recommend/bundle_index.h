#pragma once

#include <filesystem>
#include <memory>

#include "item_index/index_options.h"
#include "item_index/item_index.h"
#include "recommend/bundle_model.h"

namespace segue::recommend {

/// Where a bundle carries its index: items by their row in items.txt.
std::filesystem::path bundle_index_path(const std::filesystem::path& bundle);

/// Checksum of the weights in a bundle: what its index has to be made of.
std::string weights_checksum(const model_file::Bundle& bundle);

/// The index that a bundle carries; nullptr without one.
/// @throws DataError  damaged, newer, made of other weights, or changed since: names it and says how to make another
std::unique_ptr<item_index::ItemIndex> open_bundle_index(const std::filesystem::path& directory,
                                                         const BundleModel& model);

}  // namespace segue::recommend
