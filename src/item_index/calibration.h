#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "item_index/index_options.h"
#include "item_index/item_index.h"
#include "kernels/matrix_view.h"
#include "support/json.h"

namespace segue::item_index {

/// Queries to choose probes by.
struct SampleQueries {
  std::vector<float> vectors;  ///< [n, dim]
  std::int64_t n = 0;
  bool are_items = false;  ///< for want of queries: items, which may be easier or harder than what users ask
};

/// Samples without replacement: of given queries, or of the items of an index.
SampleQueries sample_queries(kernels::MatrixView<const float> queries, const IndexOptions& options);
SampleQueries sample_items(const ItemIndex& index);

/// A file of an index that holds sample queries, so that a compaction measures by the same.
void write_queries(const std::filesystem::path& path, const SampleQueries& queries, std::int64_t dim);
/// @throws DataError  damaged
SampleQueries read_queries(const std::filesystem::path& directory, const IndexFile& file, std::int64_t dim);

/// How many lists a search should look into, and what was measured.
struct Calibration {
  std::int64_t probes = 0;  ///< 0: the exact scan
  Json measured;
};

/// The fewest probes whose mean recall on one half of the sample reaches options.target_recall; recall and speed are
/// then measured on the other half. Recall of a query: the share of its exact list of recall_k items that is found, an
/// item of equal score being as good. Where no number of probes reaches the target, or none is faster than the exact
/// scan on this machine, the exact scan is chosen.
///
/// Cost: an exact search of the sample, and some ten by lists.
Calibration calibrate(const ItemIndex& index, const SampleQueries& queries, int n_threads);

}  // namespace segue::item_index
