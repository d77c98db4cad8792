// The definition: lists by their promises, then every item of the chosen ones.

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "kernels/implementations.h"
#include "kernels/sortable_key.h"

namespace segue::kernels::reference {
namespace {

/// A bitset of the items in the chosen lists that may be selected.
std::vector<std::uint32_t> items_within(const float* query, const ItemMatrix& items, const IvfItems& ivf,
                                        std::int64_t n_probes) {
  const std::int64_t dim = items.vectors.n_cols;
  std::vector<std::uint32_t> within(static_cast<std::size_t>((items.vectors.n_rows + 31) / 32));
  std::vector<float> extended(query, query + dim);
  extended.push_back(query_norm(query, dim));
  if (!std::isfinite(extended.back())) return within;
  std::vector<SortableKey> promises;
  for (std::int64_t list = 0; list < ivf.n_lists; ++list) {
    const float bias = ivf.biases == nullptr ? 0.0F : ivf.biases[list];
    promises.push_back(make_key(defined_score(extended.data(), ivf.centroids + list * (dim + 1), dim + 1, bias),
                                static_cast<std::uint32_t>(list)));
  }
  std::sort(promises.begin(), promises.end(), std::greater<>());
  for (std::int64_t rank = 0; rank < n_probes; ++rank) {
    const std::int32_t list = row_of(promises[static_cast<std::size_t>(rank)]);
    if (list == kNoItemRow) break;
    const Int8Items& lists = ivf.lists;
    for (std::int64_t at = lists.firsts[ivf.first_blocks[list]]; at < lists.firsts[ivf.first_blocks[list + 1]]; ++at) {
      const std::int32_t row = lists.rows[at];
      if (row >= 0 && is_allowed(items.allowed, row)) within[static_cast<std::size_t>(row >> 5)] |= 1U << (row & 31);
    }
  }
  return within;
}

}  // namespace

void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf,
               const ItemLists& excluded, std::int64_t k, std::int64_t n_probes, MatrixView<float> scores,
               MatrixView<std::int32_t> rows) {
  for (std::int64_t q = 0; q < queries.n_rows; ++q) {
    const std::vector<std::uint32_t> within = items_within(queries.row(q), items, ivf, n_probes);
    ItemMatrix restricted = items;
    restricted.allowed = within.data();
    const ItemLists own = excluded.offsets == nullptr ? excluded : ItemLists{excluded.offsets + q, excluded.items};
    top_k({queries.row(q), 1, queries.n_cols}, restricted, own, k, {scores.row(q), 1, k}, {rows.row(q), 1, k});
  }
}

}  // namespace segue::kernels::reference
