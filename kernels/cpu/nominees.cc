#include "kernels/cpu/nominees.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iterator>

#include "kernels/cpu/workers.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::size_t kLeastCrowd = 128;  ///< with fewer candidates, looking for a better threshold is not worth while
constexpr std::size_t kFewItems = 16;     ///< that a few panels can set a threshold for
constexpr std::int64_t kFirstPanels = 2;  ///< scanned before there is a threshold
constexpr std::int64_t kLineBytes = 64;
constexpr std::int64_t kTurns = 16;      ///< of a thread in sharing blocks, at least
constexpr std::int64_t kMostTaken = 32;  ///< blocks of a turn

void raise(std::atomic<float>& threshold, float to) {
  float now = threshold.load(std::memory_order_relaxed);
  while (now < to && !threshold.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
}

/// The `rank`-th largest (from 1) of some values, at least as many.
float largest(std::vector<float>& values, std::size_t rank) {
  if (rank <= kFewItems) {  // in order, which costs less than parting all of them
    float best[kFewItems];
    std::fill_n(best, rank, kMaskedScore);
    for (const float value : values) {
      std::size_t place = rank - 1;
      if (!(value > best[place])) continue;
      for (; place > 0 && value > best[place - 1]; --place) best[place] = best[place - 1];
      best[place] = value;
    }
    return best[rank - 1];
  }
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), place, values.end(), std::greater<>());
  return *place;
}

/// Rows lie anywhere in memory: without a hint, waiting for them takes longer than scoring them.
void prefetch(const void* row, std::int64_t n_bytes) {
  for (std::int64_t at = 0; at < n_bytes; at += kLineBytes)
    __builtin_prefetch(static_cast<const std::byte*>(row) + at, 0, 2);
}

}  // namespace

bool Nominees::crowded() const { return candidates_.size() >= std::max(3 * k_, kLeastCrowd); }

void Nominees::drop_below(float threshold) {
  std::erase_if(candidates_, [threshold](const Candidate& candidate) { return candidate.upper < threshold; });
}

void Nominees::tighten(const Int8Search& search, std::size_t query) {
  if (candidates_.size() >= k_) {
    // k items score at least what the k-th largest lower bound says.
    std::vector<float> lowers;
    lowers.reserve(candidates_.size());
    for (const Candidate& candidate : candidates_) lowers.push_back(candidate.lower);
    raise(search.thresholds[query], largest(lowers, k_));
  }
  drop_below(search.thresholds[query].load(std::memory_order_relaxed));
  if (!crowded()) return;
  // Bounds cannot part these: equal items, or scores close beside large ones.
  resolve(search, query);
}

void Nominees::score(const Int8Search& search, std::size_t query, const std::vector<std::int32_t>& rows) {
  const ItemMatrix& items = *search.items;
  const std::int64_t row_bytes = items.vectors.n_cols * bytes_of(items.vectors.dtype);
  const auto n = std::ssize(rows);
  const float threshold = search.thresholds[query].load(std::memory_order_relaxed);
  for (std::int64_t i = 0; i < n; i += kInt8PanelItems) {
    for (std::int64_t next = i + kInt8PanelItems; next < std::min(n, i + 2 * kInt8PanelItems); ++next)
      prefetch(items.vectors.row(rows[static_cast<std::size_t>(next)]), row_bytes);
    float scores[kInt8PanelItems];
    const auto n_now = static_cast<int>(std::min(kInt8PanelItems, n - i));
    search.kernels.score_rows(search.queries.row(static_cast<std::int64_t>(query)), items.vectors, items.bias,
                              rows.data() + i, n_now, scores);
    for (int j = 0; j < n_now; ++j) {
      if (scores[j] >= threshold)
        best_.add(make_key(scores[j], static_cast<std::uint32_t>(rows[static_cast<std::size_t>(i + j)])));
    }
  }
  best_.cut();
  raise(search.thresholds[query], best_.threshold());
}

void Nominees::resolve(const Int8Search& search, std::size_t query) {
  if (candidates_.empty()) return best_.cut();
  std::vector<std::int32_t> rows;
  const auto score_from = [&](std::vector<Candidate>::iterator begin) {
    rows.clear();
    for (auto at = begin; at != candidates_.end(); ++at) rows.push_back(at->row);
    candidates_.erase(begin, candidates_.end());
    score(search, query, rows);
  };
  if (candidates_.size() > k_) {
    // The most promising k first: their scores are mostly those of the list, and spare the others.
    const auto best = candidates_.end() - static_cast<std::ptrdiff_t>(k_);
    std::nth_element(candidates_.begin(), best, candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.upper < b.upper; });
    score_from(best);
    drop_below(search.thresholds[query].load(std::memory_order_relaxed));
  }
  score_from(candidates_.begin());
}

void Nominees::merge(const Nominees& other) {
  candidates_.insert(candidates_.end(), other.candidates_.begin(), other.candidates_.end());
  best_.merge(other.best_);
}

void Nominees::set_k(std::int64_t k) {
  k_ = static_cast<std::size_t>(k);
  BestKeys best(k);
  best.merge(best_);
  best_ = std::move(best);
}

float Nominees::estimate(std::size_t rank) const {
  std::vector<float> values;
  values.reserve(candidates_.size() + best_.keys().size());
  for (const Candidate& candidate : candidates_) values.push_back((candidate.lower + candidate.upper) / 2);
  for (const SortableKey key : best_.keys()) values.push_back(score_of(key));
  return values.size() < rank ? kMaskedScore : largest(values, rank);
}

Int8Scanner::Int8Scanner(const Int8Search& search, std::int64_t k)
    : search_(search),
      k_(static_cast<std::size_t>(k)),
      nominees_(static_cast<std::size_t>(search.queries.n_rows), Nominees(k)) {
  // As many as a tile of these queries can hold: filling more would take a single query longer than its scan.
  const std::int64_t n_padded = search.kernels.queries_for(search.queries.n_rows);
  places_.resize(static_cast<std::size_t>(n_padded * kInt8BlockItems));
  scores_.resize(places_.size());
  if (search.queries.n_rows == 1 && search.items != nullptr) nominees_[0].reserve(kInt8BlockItems);
}

void Int8Scanner::scan(const Int8Tile& tile, std::int64_t block, std::int64_t next) {
  const std::int64_t n_panels = (search_.int8.firsts[block + 1] - search_.int8.firsts[block]) / kInt8PanelItems;
  bool is_blind = k_ <= kFewItems && n_panels > kFirstPanels;
  for (int i = 0; is_blind && i < tile.n_queries(); ++i)
    is_blind = search_.thresholds[tile.query(i)].load(std::memory_order_relaxed) == kMaskedScore;
  if (!is_blind) return scan_panels(tile, block, 0, n_panels, next);
  // Some items first, which set a threshold: else every item of the block would be nominated.
  scan_panels(tile, block, 0, kFirstPanels, block);
  for (int i = 0; i < tile.n_queries() && search_.items != nullptr; ++i)
    nominees_[tile.query(i)].tighten(search_, tile.query(i));
  scan_panels(tile, block, kFirstPanels, n_panels, next);
}

void Int8Scanner::scan_panels(const Int8Tile& tile, std::int64_t block, std::int64_t begin, std::int64_t end,
                              std::int64_t next) {
  const Int8Items& int8 = search_.int8;
  const Int8Block& of_block = int8.blocks[block];
  float thresholds[kMaxInt8TileQueries];
  std::int32_t limits[kMaxInt8TileQueries];
  float float_limits[kMaxInt8TileQueries];
  float steps[kMaxInt8TileQueries];
  float offsets[kMaxInt8TileQueries];
  float bounds[kMaxInt8TileQueries];
  for (int i = 0; i < tile.n_padded(); ++i) {
    thresholds[i] =
        i < tile.n_queries() ? search_.thresholds[tile.query(i)].load(std::memory_order_relaxed) : kOutOfReach;
  }
  // Scores by int8 that are searched for themselves have no error.
  const float max_norm = search_.items == nullptr ? 0.0F : of_block.max_norm;
  const float max_error = search_.items == nullptr ? 0.0F : of_block.max_error;
  const bool useful =
      search_.kernels.set_limits({thresholds, tile.norms, tile.errors, tile.steps, tile.inverse_steps, tile.corrections,
                                  tile.n_padded(), of_block.scale, max_norm, max_error, of_block.max_size, int8.dim,
                                  int8.bias != nullptr, limits, float_limits, steps, offsets, bounds});
  if (!useful && search_.items != nullptr) return;  // scores by int8 may be larger than defined ones
  std::int32_t counts[kMaxInt8TileQueries] = {};
  const std::int64_t first = int8.firsts[block] + begin * kInt8PanelItems;
  const std::int64_t panel_bytes = int8.panel_bytes();
  search_.kernels.scan_block({int8.panels + first / kInt8PanelItems * panel_bytes,
                              next == block ? nullptr : int8.panels + int8.firsts[next] / kInt8PanelItems * panel_bytes,
                              end - begin, panel_bytes / kInt8PanelItems, tile.data(), tile.n_padded(), limits,
                              int8.bias == nullptr ? nullptr : int8.bias + first, float_limits, steps, offsets,
                              places_.data(), scores_.data(), counts});
  for (int i = 0; i < tile.n_queries(); ++i) {
    if (counts[i] > 0)
      nominate(tile.query(i), counts[i], places_.data() + i * kInt8BlockItems, scores_.data() + i * kInt8BlockItems,
               bounds[i], first);
  }
}

void Int8Scanner::nominate(std::size_t query, int n, const std::uint32_t* places, const float* scores, float bound,
                           std::int64_t first) {
  Nominees& nominees = nominees_[query];
  if (search_.items == nullptr) {
    for (int i = 0; i < n; ++i) {
      const std::int32_t row = search_.int8.rows[first + places[i]];
      if (row >= 0 && scores[i] >= nominees.best().threshold())
        nominees.add(make_key(scores[i], static_cast<std::uint32_t>(row)));
    }
    raise(search_.thresholds[query], nominees.best().threshold());
    return;
  }
  const bool bounded = std::isfinite(bound);
  rows_.clear();
  for (int i = 0; i < n; ++i) {
    const std::int32_t row = search_.int8.rows[first + places[i]];
    if (row < 0 || !is_allowed(search_.items->allowed, row) ||
        (search_.excluded != nullptr && search_.excluded->contains(static_cast<std::int64_t>(query), row)))
      continue;
    const float lower = scores[i] - bound;
    const float upper = scores[i] + bound;
    if (bounded && std::isfinite(lower) && std::isfinite(upper))
      nominees.add({row, lower, upper});
    else
      rows_.push_back(row);
  }
  if (!rows_.empty()) nominees.score(search_, query, rows_);
  if (nominees.crowded()) nominees.tighten(search_, query);
}

Scanners make_scanners(const Int8Search& search, std::int64_t k, int n_workers) {
  Scanners scanners;
  for (int worker = 0; worker < n_workers; ++worker) scanners.push_back(std::make_unique<Int8Scanner>(search, k));
  return scanners;
}

void share_blocks(const Int8Search& search, const std::vector<std::int64_t>& blocks, Scanners& scanners,
                  const std::function<void(Int8Scanner&, std::int64_t, std::int64_t)>& scan) {
  const auto n_blocks = std::ssize(blocks);
  const auto n_threads = std::ssize(scanners);
  // Some blocks at a time: taking one is a barrier, which keeps the processor from fetching ahead.
  const std::int64_t n_taken = std::clamp<std::int64_t>(n_blocks / (n_threads * kTurns), 1, kMostTaken);
  std::atomic<std::int64_t> next = 0;
  share_work(static_cast<int>(n_threads), [&](int worker) {
    search.kernels.begin_thread();
    Int8Scanner& scanner = *scanners[static_cast<std::size_t>(worker)];
    std::int64_t at = next.fetch_add(n_taken, std::memory_order_relaxed);
    while (at < n_blocks) {
      const std::int64_t then = next.fetch_add(n_taken, std::memory_order_relaxed);
      const std::int64_t end = std::min(at + n_taken, n_blocks);
      for (; at < end; ++at) {
        const std::int64_t after = at + 1 < end ? at + 1 : then < n_blocks ? then : at;
        scan(scanner, blocks[static_cast<std::size_t>(at)], blocks[static_cast<std::size_t>(after)]);
      }
      at = then;
    }
    search.kernels.end_thread();
  });
}

}  // namespace segue::kernels::cpu
