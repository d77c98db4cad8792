// Approximate search: each thread takes a part of the queries, chooses their lists, and scans list by list, all queries
// of its group that look into a list together, so that a list is read once.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "kernels/cpu/int8_search.h"
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
  constexpr std::int64_t kTogether = 256;
  const std::int64_t width = queries.n_cols + 1;
  std::vector<float> extended(static_cast<std::size_t>(std::min(kTogether, queries.n_rows) * width));
  std::vector<float> promises(extended.size() / static_cast<std::size_t>(width) * static_cast<std::size_t>(n_probes));
  std::vector<std::int32_t> lists(static_cast<std::size_t>(queries.n_rows * n_probes));
  for (std::int64_t first = 0; first < queries.n_rows; first += kTogether) {
    const std::int64_t n = std::min(kTogether, queries.n_rows - first);
    for (std::int64_t q = 0; q < n; ++q) {
      const float* query = queries.row(first + q);
      float* out = extended.data() + q * width;
      const float norm = query_norm(query, queries.n_cols);
      std::copy_n(query, queries.n_cols, out);
      out[queries.n_cols] = norm;
      if (!std::isfinite(norm)) std::fill_n(out, width, 0.0F);
    }
    const MatrixView<std::int32_t> of_group{lists.data() + first * n_probes, n, n_probes};
    search_int8({extended.data(), n, width}, ivf.promises, nullptr, nullptr, n_probes, 1, {promises.data(), n, n_probes},
                of_group);
    for (std::int64_t q = 0; q < n; ++q) {
      if (!std::isfinite(query_norm(queries.row(first + q), queries.n_cols)))
        std::fill_n(of_group.row(q), n_probes, kNoItemRow);
    }
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
  const Int8Search search{queries, ivf.lists, &items, &excluded, kernels, thresholds};
  Int8Scanner scanner(search, k);
  Int8Tile tile(kernels);
  const auto scan = [&](std::int64_t list, std::int64_t next_block) {
    const std::int64_t end = ivf.first_blocks[list + 1];
    for (std::int64_t block = ivf.first_blocks[list]; block < end; ++block)
      scanner.scan(tile, block, block + 1 < end ? block + 1 : next_block);
  };
  kernels.begin_thread();
  if (queries.n_rows == 1) {
    // In the order of promise: the threshold rises soonest.
    const std::int32_t alone[] = {0};
    tile.pack(int8, alone);
    for (std::size_t i = 0; i < chosen.size() && chosen[i] != kNoItemRow; ++i) {
      const std::int32_t next = i + 1 < chosen.size() && chosen[i + 1] != kNoItemRow ? chosen[i + 1] : chosen[i];
      scan(chosen[i], ivf.first_blocks[next]);
    }
  } else {
    // The best list of each query first: it sets a threshold for the others.
    for (const auto& [first, last] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, n_probes}}) {
      const Visits visits(probes, first, last, ivf.n_lists);
      for (std::int64_t list = 0; list < ivf.n_lists; ++list) {
        auto visitors = visits.queries(list);
        for (; !visitors.empty(); visitors = visitors.subspan(static_cast<std::size_t>(tile.n_queries()))) {
          tile.pack(int8, visitors.first(std::min(visitors.size(), static_cast<std::size_t>(kernels.tile_queries))));
          scan(list, ivf.first_blocks[list]);
        }
      }
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
