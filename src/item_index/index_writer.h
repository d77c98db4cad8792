#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "item_index/index_manifest.h"
#include "item_index/index_options.h"
#include "item_index/segment_content.h"
#include "kernels/device.h"

namespace segue::item_index {

// What changes an index. Each writes new files under new names and last replaces the manifest, so that a reader has the
// old index or the new one, whole; one that is interrupted leaves the old one. Files that no manifest names any more go
// with the next change, those that a compaction replaces with it; who has mapped them keeps them. Two changes at a
// time: the second is refused.

/// What a change did.
struct IndexChange {
  std::int64_t n_added = 0, n_replaced = 0, n_removed = 0;
  IndexManifest manifest;  ///< as it is now
};

/// Makes an index in `directory`, in place of one that is there.
/// @param queries  [m, dim] to choose probes by, where options ask for that; none: items are taken for queries
/// @param k_means  where items find their lists: CUDA makes the same lists
/// @throws DataError  ids that are not as NewItems says; queries of another dimension; what storage throws
IndexManifest build_index(const std::filesystem::path& directory, const NewItems& items, const IndexOptions& options,
                          int n_threads, kernels::MatrixView<const float> queries = {},
                          const kernels::Device& k_means = {});

/// Adds items: a segment of its own, without lists, so that every search looks at all of it until a compaction. An id
/// that the index has gets the new vector, and its row the place of the newest.
/// @throws DataError  as ItemIndex::open; another number of dimensions; an index of items with a bias; ids as above;
///                    another writer
IndexChange add_items(const std::filesystem::path& directory, const NewItems& items, int n_threads);

/// Removes items.
/// @throws DataError  as ItemIndex::open; an id that the index does not have, and then nothing is changed
IndexChange remove_items(const std::filesystem::path& directory, const std::vector<std::int64_t>& ids);

/// Puts all items into one segment, in their order, without removed rows; makes lists anew and chooses probes again. An
/// exact search gives the same results after it. Cost: as build_index; the vectors are copied once in memory.
IndexChange compact_index(const std::filesystem::path& directory, int n_threads, const kernels::Device& k_means = {});

}  // namespace segue::item_index
