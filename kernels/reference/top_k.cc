// The definition, one pair at a time: every key is made and sorted. For tests; nothing here is fast.

#include <algorithm>
#include <functional>
#include <vector>

#include "kernels/implementations.h"
#include "kernels/sortable_key.h"

namespace segue::kernels::reference {
namespace {

void write_best(std::vector<SortableKey>& keys, std::int64_t k, float* scores, std::int32_t* rows) {
  std::sort(keys.begin(), keys.end(), std::greater<>());
  keys.resize(static_cast<std::size_t>(k), kEmptyKey);
  std::transform(keys.begin(), keys.end(), scores, score_of);
  std::transform(keys.begin(), keys.end(), rows, row_of);
}

}  // namespace

void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows) {
  std::vector<SortableKey> keys;
  for (std::int64_t query = 0; query < queries.n_rows; ++query) {
    keys.clear();
    for (std::int64_t row = 0; row < items.vectors.n_rows; ++row) {
      if (!is_allowed(items.allowed, row)) continue;
      bool is_excluded = false;
      if (excluded.offsets != nullptr) {
        for (std::int64_t i = excluded.offsets[query]; i < excluded.offsets[query + 1]; ++i) {
          is_excluded = is_excluded || excluded.items[i] == row;
        }
      }
      if (is_excluded) continue;
      const float bias = items.bias == nullptr ? 0.0F : items.bias[row];
      const float score = defined_score(queries.row(query), items.vectors, row, bias);
      const SortableKey key = make_key(score, static_cast<std::uint32_t>(row));
      if (key != kEmptyKey) keys.push_back(key);
    }
    write_best(keys, k, scores.row(query), rows.row(query));
  }
}

void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns) {
  std::vector<SortableKey> keys;
  for (std::int64_t row = 0; row < scores.n_rows; ++row) {
    keys.clear();
    for (std::int64_t col = 0; col < scores.n_cols; ++col) {
      const SortableKey key = make_key(scores.row(row)[col], static_cast<std::uint32_t>(col));
      if (key != kEmptyKey) keys.push_back(key);
    }
    write_best(keys, k, best.row(row), columns.row(row));
  }
}

void score_all(MatrixView<const float> queries, const ItemMatrix& items, MatrixView<float> scores) {
  for (std::int64_t query = 0; query < queries.n_rows; ++query) {
    for (std::int64_t row = 0; row < items.vectors.n_rows; ++row) {
      const float bias = items.bias == nullptr ? 0.0F : items.bias[row];
      scores.row(query)[row] = defined_score(queries.row(query), items.vectors, row, bias);
    }
  }
}

}  // namespace segue::kernels::reference
