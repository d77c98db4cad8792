// Exact search by an int8 copy of the items.

#include <algorithm>
#include <cmath>

#include "kernels/cpu/int8_search.h"
#include "kernels/cpu/nominees.h"
#include "kernels/implementations.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::int64_t kGroupQueries = 256;  ///< share one pass over the items

bool is_finite(const float* values, std::int64_t n) {
  return std::all_of(values, values + n, [](float value) { return std::isfinite(value); });
}

}  // namespace

bool int8_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
                MatrixView<float> scores, MatrixView<std::int32_t> rows, int n_threads) {
  if (!is_finite(queries.data, queries.n_rows * queries.n_cols)) return false;
  const std::int64_t group_queries = std::clamp<std::int64_t>(kMaxGroupKeys / (2 * k), 1, kGroupQueries);
  for (std::int64_t first = 0; first < queries.n_rows; first += group_queries) {
    const std::int64_t n_group = std::min(group_queries, queries.n_rows - first);
    const Exclusions exclusions(excluded, first, n_group);
    search_int8({queries.row(first), n_group, queries.n_cols}, *items.int8, &items, &exclusions, k, n_threads,
                {scores.row(first), n_group, k}, {rows.row(first), n_group, k});
  }
  return true;
}

}  // namespace segue::kernels::cpu
