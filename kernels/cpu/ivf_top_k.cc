// Approximate search: each thread takes a part of the queries, chooses their lists, and scans list by list, all queries
// of its group that look into a list together, so that a list is read once.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "kernels/cpu/nominees.h"
#include "kernels/cpu/workers.h"
#include "kernels/implementations.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::int64_t kGroupQueries = 2048;  ///< of a thread; more of them share a list
constexpr std::int64_t kMaxGroupProbes = 1 << 22;

/// Queries by list: those that look into a list at the ranks [first_rank, last_rank) of their probes.
class Visits {
 public:
  Visits(MatrixView<const std::int32_t> probes, std::int64_t first_rank, std::int64_t last_rank, std::int64_t n_lists)
      : begins_(static_cast<std::size_t>(n_lists + 1)) {
    for_each(probes, first_rank, last_rank, [&](std::int32_t list, std::int32_t) {
      ++begins_[static_cast<std::size_t>(list) + 1];
    });
    std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
    queries_.resize(begins_.back());
    std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
    for_each(probes, first_rank, last_rank, [&](std::int32_t list, std::int32_t query) {
      queries_[next[static_cast<std::size_t>(list)]++] = query;
    });
  }
  [[nodiscard]] std::span<const std::int32_t> queries(std::int64_t list) const {
    const auto at = static_cast<std::size_t>(list);
    return std::span(queries_).subspan(begins_[at], begins_[at + 1] - begins_[at]);
  }

 private:
  template <class Body>
  static void for_each(MatrixView<const std::int32_t> probes, std::int64_t first_rank, std::int64_t last_rank,
                       const Body& body) {
    for (std::int64_t q = 0; q < probes.n_rows; ++q) {
      for (std::int64_t rank = first_rank; rank < last_rank; ++rank) {
        if (probes.row(q)[rank] != kNoItemRow) body(probes.row(q)[rank], static_cast<std::int32_t>(q));
      }
    }
  }
  std::vector<std::size_t> begins_;
  std::vector<std::int32_t> queries_;
};

/// The lists that promise most to each query, [n_queries, n_probes].
std::vector<std::int32_t> choose_lists(MatrixView<const float> queries, const IvfItems& ivf, std::int64_t n_probes) {
  const std::int64_t width = queries.n_cols + 1;
  const auto n = static_cast<std::size_t>(queries.n_rows);
  std::vector<float> extended(n * static_cast<std::size_t>(width));
  for (std::int64_t q = 0; q < queries.n_rows; ++q) {
    const float* query = queries.row(q);
    std::copy_n(query, queries.n_cols, extended.data() + q * width);
    extended[static_cast<std::size_t>((q + 1) * width - 1)] = query_norm(query, queries.n_cols);
  }
  std::vector<float> promises(n * static_cast<std::size_t>(n_probes));
  std::vector<std::int32_t> lists(promises.size());
  const ItemMatrix centroids{{ivf.centroids, ivf.n_lists, width}, ivf.biases, nullptr, &ivf.centroid_copy};
  top_k({extended.data(), queries.n_rows, width}, centroids, {}, n_probes, {promises.data(), queries.n_rows, n_probes},
        {lists.data(), queries.n_rows, n_probes}, 1);
  for (std::size_t q = 0; q < n; ++q) {
    if (std::isfinite(extended[(q + 1) * static_cast<std::size_t>(width) - 1])) continue;
    std::fill_n(lists.begin() + static_cast<std::int64_t>(q) * n_probes, n_probes, kNoItemRow);
  }
  return lists;
}

void search_group(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf,
                  const Exclusions& excluded, std::int64_t k, std::int64_t n_probes, MatrixView<float> scores,
                  MatrixView<std::int32_t> rows) {
  const std::vector<std::int32_t> chosen = choose_lists(queries, ivf, n_probes);
  const MatrixView<const std::int32_t> probes{chosen.data(), queries.n_rows, n_probes};
  const std::int64_t queries_a_list = queries.n_rows * n_probes / ivf.n_lists;
  const Int8Kernels& kernels = int8_kernels(queries_a_list);
  std::vector<std::atomic<float>> thresholds(static_cast<std::size_t>(queries.n_rows));
  for (auto& threshold : thresholds) threshold = kMaskedScore;
  const Int8Queries int8(queries);
  const Int8Search search{queries, items, ivf.lists, excluded, kernels, thresholds};
  Int8Scanner scanner(search, k);
  Int8Tile tile(kernels);
  const auto scan = [&](std::int64_t list, std::span<const std::int32_t> visitors) {
    for (; !visitors.empty(); visitors = visitors.subspan(static_cast<std::size_t>(tile.n_queries()))) {
      tile.pack(int8, visitors.first(std::min(visitors.size(), static_cast<std::size_t>(kernels.tile_queries))));
      for (std::int64_t block = ivf.first_blocks[list]; block < ivf.first_blocks[list + 1]; ++block)
        scanner.scan(tile, block);
    }
  };
  kernels.begin_thread();
  if (queries.n_rows == 1) {
    // In the order of promise: the threshold rises soonest.
    for (const std::int32_t list : chosen)
      if (list != kNoItemRow) scan(list, std::vector<std::int32_t>{0});
  } else {
    // The best list of each query first: it sets a threshold for the others.
    for (const auto& [first, last] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, n_probes}}) {
      const Visits visits(probes, first, last, ivf.n_lists);
      for (std::int64_t list = 0; list < ivf.n_lists; ++list) scan(list, visits.queries(list));
      for (std::size_t q = 0; first == 0 && q < thresholds.size(); ++q) scanner.of(q).tighten(search, q);
    }
  }
  kernels.end_thread();
  for (std::int64_t q = 0; q < queries.n_rows; ++q) {
    Nominees& found = scanner.of(static_cast<std::size_t>(q));
    found.tighten(search, static_cast<std::size_t>(q));
    found.resolve(search, static_cast<std::size_t>(q));
    found.best().write(scores.row(q), rows.row(q));
  }
}

}  // namespace

void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
               int n_threads) {
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(queries.n_rows, 1, n_threads));
  const std::int64_t group_queries =
      std::clamp(std::min(kMaxGroupKeys / (2 * k), kMaxGroupProbes / n_probes), std::int64_t{1}, kGroupQueries);
  run_workers(n_workers, [&](int worker) {
    const std::int64_t end = part_begin(queries.n_rows, 1, worker + 1, n_workers);
    for (std::int64_t first = part_begin(queries.n_rows, 1, worker, n_workers); first < end; first += group_queries) {
      const std::int64_t n = std::min(group_queries, end - first);
      const Exclusions exclusions(excluded, first, n);
      search_group({queries.row(first), n, queries.n_cols}, items, ivf, exclusions, k, n_probes,
                   {scores.row(first), n, k}, {rows.row(first), n, k});
    }
  });
}

}  // namespace segue::kernels::cpu
