// Exact search by an int8 copy of the items: a scan of integer products nominates every item whose defined score could
// reach the query's threshold, candidates are scored by the definition, and a list is given out only when it is proved
// complete.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/cpu/best_keys.h"
#include "kernels/cpu/exclusions.h"
#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/workers.h"
#include "kernels/implementations.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::int64_t kGroupQueries = 256;  ///< share one pass over the items
constexpr std::int64_t kMaxGroupKeys =
    1 << 22;  ///< keys and candidates kept at a time by a thread, which bounds memory for a large k
constexpr std::int64_t kLeastCandidates = 128;     ///< scored together; a small k would score too few at a time
constexpr std::int64_t kSampleStride = 16;         ///< blocks of which one is looked at first, to guess thresholds
constexpr std::int64_t kLeastSampledBlocks = 256;  ///< with fewer, a guess costs more than it saves
constexpr std::size_t kAlignment = 64;
constexpr float kOutOfReach =
    3e38F;  ///< a threshold for queries that look for nothing; finite, so that limits are numbers

/// A group of queries in int8 form, packed in the tiles of a set of kernels.
class Int8Queries {
 public:
  struct Tile {
    std::int64_t first;
    int n_queries, n_padded;
    const std::int8_t* data;
  };

  Int8Queries(MatrixView<const float> queries, const Int8Kernels& kernels) {
    const std::int64_t dim = (queries.n_cols + 3) / 4 * 4;
    std::int64_t n_bytes = 0;
    std::int64_t n_padded = 0;
    for (std::int64_t first = 0; first < queries.n_rows;) {
      const std::int64_t n_left = queries.n_rows - first;
      const int n_tile = kernels.queries_for(n_left);
      tiles_.push_back({first, static_cast<int>(std::min<std::int64_t>(n_tile, n_left)), n_tile, nullptr});
      n_bytes += (kernels.packed_bytes(n_tile, dim) + 63) / 64 * 64;
      first += n_tile;
      n_padded += n_tile;
    }
    const auto n_values = static_cast<std::size_t>(n_padded);
    for (auto* values : {&norms, &errors, &steps, &corrections}) values->assign(n_values, 0.0F);
    inverse_steps.assign(n_values, 1.0F);
    packed_.resize(static_cast<std::size_t>(n_bytes) + kAlignment);
    void* begin = packed_.data();
    std::size_t space = packed_.size();
    auto* out = static_cast<std::int8_t*>(std::align(kAlignment, static_cast<std::size_t>(n_bytes), begin, space));
    std::vector<std::int8_t> levels;
    for (Tile& tile : tiles_) {
      levels.assign(static_cast<std::size_t>(tile.n_queries * dim), 0);
      for (int q = 0; q < tile.n_queries; ++q)
        quantise(queries.row(tile.first + q), queries.n_cols, static_cast<std::size_t>(tile.first + q),
                 levels.data() + q * dim);
      kernels.pack_queries(levels.data(), tile.n_queries, tile.n_padded, dim, out);
      tile.data = out;
      out += (kernels.packed_bytes(tile.n_padded, dim) + 63) / 64 * 64;
    }
  }
  [[nodiscard]] const std::vector<Tile>& tiles() const { return tiles_; }
  [[nodiscard]] std::size_t n_padded() const { return norms.size(); }

  std::vector<float> norms, errors, steps, inverse_steps, corrections;  ///< see Int8Limits

 private:
  void quantise(const float* query, std::int64_t dim, std::size_t at, std::int8_t* levels) {
    float largest = 0;
    for (std::int64_t i = 0; i < dim; ++i) largest = std::max(largest, std::fabs(query[i]));
    const float step = largest > 1e-30F ? largest / 127 : 0.0F;
    const double inverse = step > 0 ? 1.0 / step : 0.0;
    double norm = 0;
    double error = 0;
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < dim; ++i) {
      const double level = std::nearbyint(query[i] * inverse);
      levels[i] = static_cast<std::int8_t>(level);
      sum += levels[i];
      norm += static_cast<double>(query[i]) * query[i];
      const double left = query[i] - level * step;
      error += left * left;
    }
    const double rounding_up = 1 + 1e-6;
    norms[at] = static_cast<float>(std::sqrt(norm) * rounding_up);
    errors[at] = static_cast<float>(std::sqrt(error) * rounding_up);
    steps[at] = step;
    inverse_steps[at] = 1.0F / step;
    corrections[at] = static_cast<float>(128 * sum);
  }

  std::vector<std::int8_t> packed_;
  std::vector<Tile> tiles_;
};

/// What the threads share in a search for a group of queries.
struct Group {
  MatrixView<const float> queries;
  const ItemMatrix& items;
  const Exclusions& excluded;
  const Int8Kernels& kernels;
  const Int8Queries& int8;
  std::vector<std::atomic<float>>& thresholds;  ///< [n_padded]; raised by whoever knows better
};

void raise(std::atomic<float>& threshold, float to) {
  float now = threshold.load(std::memory_order_relaxed);
  while (now < to && !threshold.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
}

/// One thread's candidates and best keys of a group.
class Nominees {
 public:
  Nominees(const Group& group, std::int64_t k)
      : group_(group),
        n_before_scoring_(std::max(k, kLeastCandidates)),
        room_(n_before_scoring_ + kInt8BlockItems),
        positions_(group.int8.n_padded() * static_cast<std::size_t>(room_)),
        ends_(group.int8.n_padded()),
        best_(static_cast<std::size_t>(group.queries.n_rows), BestKeys(k)) {
    for (std::size_t q = 0; q < ends_.size(); ++q) ends_[q] = begin(q);
  }

  /// Room for all items of a block is there at every query of the tile from `first`.
  std::uint32_t** ends(std::int64_t first) { return ends_.data() + first; }

  /// After a block: scores the candidates of those queries of the tile that have gathered enough.
  void make_room(const Int8Queries::Tile& tile) {
    for (auto q = static_cast<std::size_t>(tile.first); q < static_cast<std::size_t>(tile.first + tile.n_queries); ++q)
      if (ends_[q] - begin(q) >= n_before_scoring_) score(q);
    // Padding is nominated for where a block has no bound.
    for (auto q = static_cast<std::size_t>(tile.first + tile.n_queries);
         q < static_cast<std::size_t>(tile.first + tile.n_padded); ++q)
      ends_[q] = begin(q);
  }
  void score_all() {
    for (std::size_t q = 0; q < best_.size(); ++q) score(q);
  }
  [[nodiscard]] BestKeys& best(std::size_t query) { return best_[query]; }

 private:
  std::uint32_t* begin(std::size_t query) { return positions_.data() + query * static_cast<std::size_t>(room_); }

  void score(std::size_t query) {
    const Int8Items& int8 = *group_.items.int8;
    candidates_.clear();
    for (const std::uint32_t* at = begin(query); at != ends_[query]; ++at) {
      const std::int32_t row = int8.rows[*at];
      if (row >= 0 && is_allowed(group_.items.allowed, row) &&
          !group_.excluded.contains(static_cast<std::int64_t>(query), row))
        candidates_.push_back(row);
    }
    ends_[query] = begin(query);
    const auto n = std::ssize(candidates_);
    for (std::int64_t i = 0; i < n; i += kInt8PanelItems) {
      for (std::int64_t next = i + kInt8PanelItems; next < std::min(n, i + 2 * kInt8PanelItems); ++next)
        prefetch(group_.items.vectors.row(candidates_[static_cast<std::size_t>(next)]));
      offer(query, candidates_.data() + i, static_cast<int>(std::min(kInt8PanelItems, n - i)));
    }
    best_[query].cut();
    raise(group_.thresholds[query], best_[query].threshold());
  }

  /// Rows lie anywhere in memory: without a hint, waiting for them takes longer than scoring them.
  void prefetch(const void* row) const {
    constexpr auto kLine = static_cast<std::int64_t>(kAlignment);
    const std::int64_t n_bytes = group_.items.vectors.n_cols * bytes_of(group_.items.vectors.dtype);
    for (std::int64_t i = 0; i < n_bytes; i += kLine) __builtin_prefetch(static_cast<const std::byte*>(row) + i, 0, 2);
  }

  void offer(std::size_t query, const std::int32_t* rows, int n) {
    float scores[kInt8PanelItems];
    const auto& items = group_.items;
    group_.kernels.score_rows(group_.queries.row(static_cast<std::int64_t>(query)), items.vectors, items.bias, rows, n,
                              scores);
    const float threshold = group_.thresholds[query].load(std::memory_order_relaxed);
    for (int i = 0; i < n; ++i) {
      if (scores[i] >= threshold) best_[query].add(make_key(scores[i], static_cast<std::uint32_t>(rows[i])));
    }
  }

  const Group& group_;
  std::int64_t n_before_scoring_, room_;
  std::vector<std::uint32_t> positions_;
  std::vector<std::uint32_t*> ends_;
  std::vector<std::int32_t> candidates_;
  std::vector<BestKeys> best_;
};

/// Which blocks a pass visits.
struct Pass {
  enum class Blocks { kAll, kSample, kOthers };
  Blocks blocks;
  [[nodiscard]] bool visits(std::int64_t block) const {
    const bool sampled = block % kSampleStride == kSampleStride / 2;
    return blocks == Blocks::kAll || (blocks == Blocks::kSample) == sampled;
  }
};

void scan_blocks(const Group& group, Pass pass, int worker, int n_workers, Nominees& nominees) {
  const Int8Items& int8 = *group.items.int8;
  const std::int64_t panel_bytes = int8.panel_bytes();
  float thresholds[kMaxInt8TileQueries];
  std::int32_t limits[kMaxInt8TileQueries];
  float float_limits[kMaxInt8TileQueries];
  float block_steps[kMaxInt8TileQueries];
  group.kernels.begin_thread();
  std::int64_t n_visited = 0;
  for (std::int64_t b = 0; b < int8.n_blocks(); ++b) {
    if (!pass.visits(b) || n_visited++ % n_workers != worker) continue;
    const Int8Block& block = int8.blocks[b];
    const std::int64_t n_items = std::min(kInt8BlockItems, int8.n_items - b * kInt8BlockItems);
    for (const auto& tile : group.int8.tiles()) {
      const auto at = static_cast<std::size_t>(tile.first);
      for (std::size_t q = 0; q < static_cast<std::size_t>(tile.n_padded); ++q)
        thresholds[q] = group.thresholds[at + q].load(std::memory_order_relaxed);
      const Int8Queries& queries = group.int8;
      const bool useful = group.kernels.set_limits({thresholds, queries.norms.data() + at, queries.errors.data() + at,
                                                    queries.steps.data() + at, queries.inverse_steps.data() + at,
                                                    queries.corrections.data() + at, tile.n_padded, block.scale,
                                                    block.max_norm, block.max_error, block.max_size, int8.dim,
                                                    int8.bias != nullptr, limits, float_limits, block_steps});
      if (!useful) continue;
      group.kernels.scan_block({int8.panels + b * kInt8BlockPanels * panel_bytes, (n_items + 31) / 32 * 2,
                                panel_bytes / kInt8PanelItems, static_cast<std::uint32_t>(b * kInt8BlockItems),
                                tile.data, tile.n_padded, limits,
                                int8.bias == nullptr ? nullptr : int8.bias + b * kInt8BlockItems, block_steps,
                                float_limits, nominees.ends(tile.first)});
      nominees.make_room(tile);
    }
  }
  group.kernels.end_thread();
  nominees.score_all();
}

/// Best k keys of every query from a pass over blocks, given out in `best` without order.
void run_pass(const Group& group, Pass pass, std::int64_t k, int n_workers, std::vector<BestKeys>& best) {
  std::vector<std::vector<BestKeys>> found(static_cast<std::size_t>(n_workers));
  run_workers(n_workers, [&](int worker) {
    Nominees nominees(group, k);
    scan_blocks(group, pass, worker, n_workers, nominees);
    auto& mine = found[static_cast<std::size_t>(worker)];
    for (std::size_t q = 0; q < best.size(); ++q) mine.push_back(std::move(nominees.best(q)));
  });
  for (std::size_t q = 0; q < best.size(); ++q) {
    for (const auto& of_worker : found) best[q].merge(of_worker[q]);
    best[q].cut();
  }
}

bool is_finite(const float* values, std::int64_t n) {
  return std::all_of(values, values + n, [](float value) { return std::isfinite(value); });
}

/// The share of the sample, and so the rank in it that k items of all can be expected to reach, with five standard
/// deviations to spare.
std::int64_t rank_in_sample(std::int64_t k) {
  const double expected = static_cast<double>(k) / kSampleStride;
  return static_cast<std::int64_t>(std::ceil(expected + 5 * std::sqrt(expected) + 1));
}

void search_group(MatrixView<const float> queries, const ItemMatrix& items, const Exclusions& excluded, std::int64_t k,
                  int n_threads, MatrixView<float> scores, MatrixView<std::int32_t> rows, const Int8Kernels& kernels) {
  const Int8Queries int8(queries, kernels);
  const auto n_queries = static_cast<std::size_t>(queries.n_rows);
  std::vector<std::atomic<float>> thresholds(int8.n_padded());
  for (std::size_t q = 0; q < thresholds.size(); ++q) thresholds[q] = q < n_queries ? kMaskedScore : kOutOfReach;
  const Group group{queries, items, excluded, kernels, int8, thresholds};
  const std::int64_t n_blocks = items.int8->n_blocks();
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(n_blocks, 1, n_threads));

  std::vector<BestKeys> best(n_queries, BestKeys(k));
  if (n_blocks < kLeastSampledBlocks) {
    run_pass(group, {Pass::Blocks::kAll}, k, n_workers, best);
  } else {
    std::vector<BestKeys> sample(n_queries, BestKeys(rank_in_sample(k)));
    run_pass(group, {Pass::Blocks::kSample}, rank_in_sample(k), n_workers, sample);
    // A guess: the true k-th score may be lower. Keys above the guess are all kept, so the sample need not be seen
    // again.
    std::vector<float> guesses(n_queries);
    for (std::size_t q = 0; q < n_queries; ++q) {
      thresholds[q] = guesses[q] = sample[q].threshold();
      best[q].merge(sample[q]);
    }
    run_pass(group, {Pass::Blocks::kOthers}, k, n_workers, best);
    // The proof: k keys reach the guess, so it hid nothing that belongs in the list. Else the list so far bounds the
    // next try.
    std::vector<std::size_t> incomplete;
    for (std::size_t q = 0; q < n_queries; ++q) {
      const bool complete =
          guesses[q] == kMaskedScore || (std::ssize(best[q].keys()) == k && best[q].threshold() >= guesses[q]);
      thresholds[q] = complete ? kOutOfReach : best[q].threshold();
      if (!complete) incomplete.push_back(q);
    }
    if (!incomplete.empty()) {
      std::vector<BestKeys> again(n_queries, BestKeys(k));
      run_pass(group, {Pass::Blocks::kAll}, k, n_workers, again);
      for (const std::size_t q : incomplete) best[q] = std::move(again[q]);
    }
  }
  for (std::size_t q = 0; q < n_queries; ++q)
    best[q].write(scores.row(static_cast<std::int64_t>(q)), rows.row(static_cast<std::int64_t>(q)));
}

}  // namespace

bool int8_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
                MatrixView<float> scores, MatrixView<std::int32_t> rows, int n_threads) {
  const Int8Kernels* kernels = int8_kernels(queries.n_rows);
  if (kernels == nullptr || !is_finite(queries.data, queries.n_rows * queries.n_cols)) return false;
  const std::int64_t group_queries = std::clamp<std::int64_t>(kMaxGroupKeys / (2 * k), 1, kGroupQueries);
  for (std::int64_t first = 0; first < queries.n_rows; first += group_queries) {
    const std::int64_t n_group = std::min(group_queries, queries.n_rows - first);
    const Exclusions exclusions(excluded, first, n_group);
    search_group({queries.row(first), n_group, queries.n_cols}, items, exclusions, k, n_threads,
                 {scores.row(first), n_group, k}, {rows.row(first), n_group, k}, *kernels);
  }
  return true;
}

}  // namespace segue::kernels::cpu
