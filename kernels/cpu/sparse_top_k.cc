// Search where a filter leaves few items: their vectors are gathered, and searched as a matrix of their own.

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <vector>

#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/workers.h"
#include "kernels/implementations.h"
#include "kernels/sortable_key.h"

namespace segue::kernels::cpu {
namespace {

/// Items for each allowed one, from which gathering is faster than passing over the others: gathering costs as much as
/// 36 products in float32, and a scan of an int8 copy is 20 times as fast as those (measured at 1M x 64 and 1M x 128).
std::int64_t least_sparsity(const ItemMatrix& items, std::int64_t n_queries) {
  if (items.int8 == nullptr) return 4;
  return n_queries <= kFewQueries ? 48 : 20;
}
std::int64_t count_allowed(const std::uint32_t* allowed, std::int64_t n_items) {
  std::int64_t n = 0;
  for (std::int64_t word = 0; word < n_items / 32; ++word) n += std::popcount(allowed[word]);
  for (std::int64_t row = n_items / 32 * 32; row < n_items; ++row) n += is_allowed(allowed, row) ? 1 : 0;
  return n;
}

/// The allowed items, in their order: equal scores then go to the lower row as ever.
struct Gathered {
  Gathered(const ItemMatrix& items, std::int64_t n_allowed, int n_threads) {
    rows.reserve(static_cast<std::size_t>(n_allowed));
    for (std::int64_t first = 0; first < items.vectors.n_rows; first += 32) {
      for (std::uint32_t word = items.allowed[first / 32]; word != 0; word &= word - 1) {
        const std::int64_t row = first + std::countr_zero(word);
        if (row < items.vectors.n_rows) rows.push_back(static_cast<std::int32_t>(row));
      }
    }
    const std::int64_t row_bytes = items.vectors.n_cols * bytes_of(items.vectors.dtype);
    elements.resize(static_cast<std::size_t>(n_allowed * row_bytes));
    if (items.bias != nullptr) bias.resize(rows.size());
    if (items.vectors.scales != nullptr) scales.resize(rows.size());
    run_workers(n_threads, [&](int worker) {
      const auto end = static_cast<std::size_t>(part_begin(n_allowed, 1, worker + 1, n_threads));
      for (auto i = static_cast<std::size_t>(part_begin(n_allowed, 1, worker, n_threads)); i < end; ++i) {
        constexpr std::size_t kAhead = 16;
        if (i + kAhead < end) __builtin_prefetch(items.vectors.row(rows[i + kAhead]));
        std::memcpy(elements.data() + static_cast<std::int64_t>(i) * row_bytes, items.vectors.row(rows[i]),
                    static_cast<std::size_t>(row_bytes));
        if (items.bias != nullptr) bias[i] = items.bias[rows[i]];
        if (items.vectors.scales != nullptr) scales[i] = items.vectors.scales[rows[i]];
      }
    });
    matrix.vectors = {elements.data(),
                      items.vectors.dtype,
                      n_allowed,
                      items.vectors.n_cols,
                      0,
                      items.vectors.scales == nullptr ? nullptr : scales.data()};
    matrix.bias = items.bias == nullptr ? nullptr : bias.data();
  }
  /// Where a row went; -1 for one that is not allowed.
  [[nodiscard]] std::int32_t place_of(std::int32_t row) const {
    const auto at = std::lower_bound(rows.begin(), rows.end(), row);
    return at != rows.end() && *at == row ? static_cast<std::int32_t>(at - rows.begin()) : -1;
  }

  std::vector<std::int32_t> rows;
  std::vector<std::byte> elements;
  std::vector<float> bias, scales;
  ItemMatrix matrix;
};

}  // namespace

bool sparse_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
                  MatrixView<float> scores, MatrixView<std::int32_t> rows, int n_threads) {
  if (items.allowed == nullptr) return false;
  const std::int64_t n_allowed = count_allowed(items.allowed, items.vectors.n_rows);
  if (n_allowed == 0 || n_allowed > items.vectors.n_rows / least_sparsity(items, queries.n_rows)) return false;
  const Gathered gathered(items, n_allowed, n_threads);
  std::vector<std::int64_t> offsets = {0};
  std::vector<std::int32_t> places;
  for (std::int64_t q = 0; excluded.offsets != nullptr && q < queries.n_rows; ++q) {
    for (std::int64_t i = excluded.offsets[q]; i < excluded.offsets[q + 1]; ++i) {
      if (const std::int32_t place = gathered.place_of(excluded.items[i]); place >= 0) places.push_back(place);
    }
    offsets.push_back(std::ssize(places));
  }
  top_k(queries, gathered.matrix, places.empty() ? ItemLists{} : ItemLists{offsets.data(), places.data()}, k, scores,
        rows, n_threads);
  for (std::int64_t i = 0; i < queries.n_rows * k; ++i)
    if (rows.data[i] != kNoItemRow) rows.data[i] = gathered.rows[static_cast<std::size_t>(rows.data[i])];
  return true;
}

}  // namespace segue::kernels::cpu
