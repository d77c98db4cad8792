// The definition: lists by their promises, then every item of the chosen ones.

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "kernels/implementations.h"
#include "kernels/sortable_key.h"

namespace segue::kernels::reference {
namespace {

/// Promises as keys of lists: sums of integers times the steps of query and block, plus the bias, in float32.
std::vector<SortableKey> promises_of(const std::vector<float>& query, const Int8Items& promises) {
  const auto dim = static_cast<std::int64_t>(query.size());
  float largest = 0;
  for (const float value : query) largest = std::max(largest, std::fabs(value));
  const float step = largest > 1e-30F ? largest / 127 : 0.0F;
  std::vector<int> levels;
  int sum_of_levels = 0;
  for (const float value : query) {
    levels.push_back(step > 0 ? static_cast<int>(std::nearbyint(value * (1.0 / step))) : 0);
    sum_of_levels += levels.back();
  }
  std::vector<SortableKey> keys;
  for (std::int64_t block = 0; block < promises.n_blocks; ++block) {
    const float block_step = step * promises.blocks[block].scale;
    for (std::int64_t at = promises.firsts[block]; at < promises.firsts[block + 1]; ++at) {
      if (promises.rows[at] < 0) continue;
      const std::uint8_t* panel = promises.panels + at / kInt8PanelItems * promises.panel_bytes();
      int sum = 0;
      for (std::int64_t i = 0; i < dim; ++i)
        sum +=
            panel[(i / 4 * kInt8PanelItems + at % kInt8PanelItems) * 4 + i % 4] * levels[static_cast<std::size_t>(i)];
      const float bias = promises.bias == nullptr ? 0.0F : promises.bias[at];
      const float promise =
          std::fma(static_cast<float>(sum), block_step, bias) - block_step * static_cast<float>(128 * sum_of_levels);
      keys.push_back(make_key(promise, static_cast<std::uint32_t>(promises.rows[at])));
    }
  }
  return keys;
}

/// A bitset of the items in the chosen lists that may be selected.
std::vector<std::uint32_t> items_within(const float* query, const ItemMatrix& items, const IvfItems& ivf,
                                        std::int64_t n_probes) {
  const std::int64_t dim = items.vectors.n_cols;
  std::vector<std::uint32_t> within(static_cast<std::size_t>((items.vectors.n_rows + 31) / 32));
  std::vector<float> extended(query, query + dim);
  extended.push_back(query_norm(query, dim));
  if (!std::isfinite(extended.back())) return within;
  std::vector<SortableKey> promises = promises_of(extended, ivf.promises);
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

void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows) {
  for (std::int64_t q = 0; q < queries.n_rows; ++q) {
    const std::vector<std::uint32_t> within = items_within(queries.row(q), items, ivf, n_probes);
    ItemMatrix restricted = items;
    restricted.allowed = within.data();
    const ItemLists own = excluded.offsets == nullptr ? excluded : ItemLists{excluded.offsets + q, excluded.items};
    top_k({queries.row(q), 1, queries.n_cols}, restricted, own, k, {scores.row(q), 1, k}, {rows.row(q), 1, k});
  }
}

}  // namespace segue::kernels::reference
