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
constexpr std::int64_t kLeastThreadBlocks = 24;  ///< with fewer, a thread costs more than it saves

/// Queries by list: those that look into a list at the ranks [first_rank, last_rank) of their probes.
class Visits {
 public:
  Visits(MatrixView<const std::int32_t> probes, std::int64_t first_rank, std::int64_t last_rank, std::int64_t n_lists)
      : begins_(static_cast<std::size_t>(n_lists + 1)) {
    for_each(probes, first_rank, last_rank,
             [&](std::int32_t list, std::int32_t) { ++begins_[static_cast<std::size_t>(list) + 1]; });
    std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
    queries_.resize(begins_.back());
    std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
    for_each(probes, first_rank, last_rank,
             [&](std::int32_t list, std::int32_t query) { queries_[next[static_cast<std::size_t>(list)]++] = query; });
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
std::vector<std::int32_t> choose_lists(MatrixView<const float> queries, const IvfItems& ivf, std::int64_t n_probes,
                                       int n_threads) {
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
    search_int8({extended.data(), n, width}, ivf.promises, nullptr, nullptr, n_probes, n_threads,
                {promises.data(), n, n_probes}, of_group);
    for (std::int64_t q = 0; q < n; ++q) {
      if (!std::isfinite(query_norm(queries.row(first + q), queries.n_cols)))
        std::fill_n(of_group.row(q), n_probes, kNoItemRow);
    }
  }
  return lists;
}

void scan_list(const IvfItems& ivf, std::int64_t list, const Int8Tile& tile, Int8Scanner& scanner) {
  const std::int64_t end = ivf.first_blocks[list + 1];
  for (std::int64_t block = ivf.first_blocks[list]; block < end; ++block)
    scanner.scan(tile, block, std::min(block + 1, end - 1));
}

void finish(const Int8Search& search, std::size_t query, Nominees& found, float* scores, std::int32_t* rows) {
  found.resolve(search, query);
  found.best().write(scores, rows);
}

/// One query: threads share its lists, each in the order of promise, so that the threshold rises soonest.
void search_one(MatrixView<const float> query, const ItemMatrix& items, const IvfItems& ivf, const Exclusions& excluded,
                std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
                int n_threads) {
  std::vector<std::int32_t> lists = choose_lists(query, ivf, n_probes, 1);
  while (!lists.empty() && lists.back() == kNoItemRow) lists.pop_back();
  std::vector<std::int64_t> blocks;
  for (const std::int32_t list : lists)
    for (std::int64_t block = ivf.first_blocks[list]; block < ivf.first_blocks[list + 1]; ++block)
      blocks.push_back(block);

  const Int8Kernels& kernels = int8_kernels(1);
  std::vector<std::atomic<float>> thresholds(1);
  thresholds[0] = kMaskedScore;
  const Int8Search search{query, ivf.lists, &items, &excluded, kernels, thresholds};
  const std::int32_t alone[] = {0};
  Int8Tile tile(kernels);
  tile.pack(Int8Queries(query), alone);
  const auto n_blocks = std::ssize(blocks);
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(n_blocks / kLeastThreadBlocks, 1, n_threads));
  Scanners scanners = make_scanners(search, k, n_workers);
  share_blocks(search, blocks, scanners, [&tile](Int8Scanner& scanner, std::int64_t block, std::int64_t next) {
    scanner.scan(tile, block, next);
  });
  Nominees& found = scanners[0]->of(0);
  for (std::size_t other = 1; other < scanners.size(); ++other) found.merge(scanners[other]->of(0));
  finish(search, 0, found, scores.row(0), rows.row(0));
}

void search_group(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf,
                  const Exclusions& excluded, std::int64_t k, std::int64_t n_probes, MatrixView<float> scores,
                  MatrixView<std::int32_t> rows) {
  const std::vector<std::int32_t> chosen = choose_lists(queries, ivf, n_probes, 1);
  const MatrixView<const std::int32_t> probes{chosen.data(), queries.n_rows, n_probes};
  const std::int64_t queries_a_list = queries.n_rows * n_probes / ivf.n_lists;
  const Int8Kernels& kernels = int8_kernels(queries_a_list);
  std::vector<std::atomic<float>> thresholds(static_cast<std::size_t>(queries.n_rows));
  for (auto& threshold : thresholds) threshold = kMaskedScore;
  const Int8Queries int8(queries);
  const Int8Search search{queries, ivf.lists, &items, &excluded, kernels, thresholds};
  Int8Scanner scanner(search, k);
  Int8Tile tile(kernels);
  kernels.begin_thread();
  // The best list of each query first: it sets a threshold for the others.
  for (const auto& [first, last] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, n_probes}}) {
    const Visits visits(probes, first, last, ivf.n_lists);
    for (std::int64_t list = 0; list < ivf.n_lists; ++list) {
      auto visitors = visits.queries(list);
      for (; !visitors.empty(); visitors = visitors.subspan(static_cast<std::size_t>(tile.n_queries()))) {
        tile.pack(int8, visitors.first(std::min(visitors.size(), static_cast<std::size_t>(kernels.tile_queries))));
        scan_list(ivf, list, tile, scanner);
      }
    }
    for (std::size_t q = 0; first == 0 && q < thresholds.size(); ++q) scanner.of(q).tighten(search, q);
  }
  kernels.end_thread();
  for (std::int64_t q = 0; q < queries.n_rows; ++q) {
    const auto at = static_cast<std::size_t>(q);
    finish(search, at, scanner.of(at), scores.row(q), rows.row(q));
  }
}

}  // namespace

void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
               int n_threads) {
  if (queries.n_rows < n_threads || queries.n_rows == 1) {
    for (std::int64_t q = 0; q < queries.n_rows; ++q) {
      search_one({queries.row(q), 1, queries.n_cols}, items, ivf, Exclusions(excluded, q, 1), k, n_probes,
                 {scores.row(q), 1, k}, {rows.row(q), 1, k}, n_threads);
    }
    return;
  }
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
