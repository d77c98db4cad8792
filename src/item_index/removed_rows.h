#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "item_index/index_manifest.h"

namespace segue::item_index {

/// The tombstones of an index: global rows that no search finds. A file holds all of them; the next one takes its
/// place.
void write_removed_rows(const std::filesystem::path& path, const std::vector<std::int32_t>& rows);

/// [n_removed], ascending.
/// @param n_rows  of the index
/// @throws DataError  damaged, or of another index
std::vector<std::int32_t> read_removed_rows(const std::filesystem::path& directory, const IndexFile& file,
                                            std::int64_t n_rows);

}  // namespace segue::item_index
