// Scores of a block of queries, then their ranks and lists, while the scorer works on the next block: two half blocks
// are in flight, so that no more than block_queries rows of scores exist. Blocks are cut by block_queries alone, never
// by the number of threads, so that a model sees the same batches everywhere.

#include <algorithm>
#include <future>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/top_k.h"
#include "ranking/ranker.h"
#include "ranking/target_ranks.h"
#include "support/threads.h"

namespace segue::ranking {
namespace {

constexpr std::int64_t kScoresPerBlock = 1 << 21;  // unless told otherwise: starting threads must not show
constexpr float kHidden = -std::numeric_limits<float>::infinity();

/// Half a block: its scores, and what was made of them.
struct HalfBlock {
  std::span<const Query> queries;
  std::vector<float> scores;  ///< [queries, n_items]
  std::vector<Ranking> rankings;
  std::vector<std::int64_t> ranks;  ///< of all rankings: a query has room for a rank an event it asks for
  std::vector<ItemRow> items;       ///< [queries, max_k]
  std::vector<float> item_scores;   ///< [queries, max_k]
};

/// What a thread uses again for the next query.
struct Scratch {
  std::vector<float> ordered;
  std::vector<std::size_t> places;
  Targets targets;
  TargetRanks found;
};

class BlockRanker {
 public:
  BlockRanker(const Dataset& dataset, std::span<const ItemRow> tie_order, const RankingProtocol& protocol,
              int n_threads)
      : dataset_(dataset),
        n_items_(static_cast<std::size_t>(dataset.n_items())),
        tie_order_(tie_order),
        protocol_(protocol),
        n_threads_(n_threads) {
    if (tie_order.empty()) return;
    if (tie_order.size() != n_items_) {
      throw std::invalid_argument("tie_order has " + std::to_string(tie_order.size()) + " items, the dataset " +
                                  std::to_string(n_items_));
    }
    place_.resize(n_items_);
    for (std::size_t i = 0; i < n_items_; ++i) place_[static_cast<std::size_t>(tie_order[i])] = i;
  }

  void rank(HalfBlock& block) const {
    const auto n_queries = static_cast<std::int64_t>(block.queries.size());
    const auto k = static_cast<std::size_t>(protocol_.max_k);
    block.rankings.assign(block.queries.size(), {});
    std::vector<std::size_t> rank_begins;
    std::size_t n_ranks = 0;
    for (const Query& query : block.queries) {
      rank_begins.push_back(n_ranks);
      n_ranks += static_cast<std::size_t>(query.end - query.position);
    }
    block.ranks.resize(n_ranks);
    block.items.resize(block.queries.size() * k);
    block.item_scores.resize(block.queries.size() * k);
    // A few rows at a time: the list is selected while the scores that the ranks were counted in are still in cache.
    constexpr std::int64_t kScoresAtATime = 1 << 16;
    const auto n_rows = std::max<std::int64_t>(1, kScoresAtATime / static_cast<std::int64_t>(n_items_));
    parallel_ranges(n_queries, 1, n_threads_, [&](std::int64_t begin, std::int64_t end, int) {
      Scratch scratch;
      for (std::int64_t first = begin; first < end; first += n_rows) {
        const std::int64_t last = std::min(end, first + n_rows);
        for (auto q = static_cast<std::size_t>(first); q < static_cast<std::size_t>(last); ++q)
          rank_targets_of(block, q, rank_begins[q], scratch);
        select_lists(block, first, last);
      }
    });
    for (std::size_t q = 0; q < block.queries.size(); ++q) {
      block.rankings[q].items = std::span(block.items).subspan(q * k, k);
      block.rankings[q].scores = std::span(block.item_scores).subspan(q * k, k);
    }
  }

 private:
  void select_lists(HalfBlock& block, std::int64_t first, std::int64_t last) const {
    const std::int64_t n = last - first, k = protocol_.max_k, n_items = static_cast<std::int64_t>(n_items_);
    ItemRow* items = block.items.data() + first * k;
    kernels::select_top_k({block.scores.data() + first * n_items, n, n_items}, k,
                          {block.item_scores.data() + first * k, n, k}, {items, n, k}, {});
    if (tie_order_.empty()) return;
    for (std::int64_t i = 0; i < n * k; ++i)
      items[i] = items[i] == kNoItem ? kNoItem : tie_order_[static_cast<std::size_t>(items[i])];
  }

  void hide_history(const Query& query, const Targets& targets, std::span<float> scores) const {
    const auto item_rows = dataset_.item_rows();
    for (std::int64_t i = query.begin; i < query.position; ++i) {
      const ItemRow seen = item_rows[static_cast<std::size_t>(i)];
      if (seen < 0 || static_cast<std::size_t>(seen) >= n_items_) continue;
      if (std::binary_search(targets.known.begin(), targets.known.end(), seen)) continue;
      scores[static_cast<std::size_t>(seen)] = kHidden;
    }
  }

  void hide_unavailable(const Query& query, std::span<float> scores) const {
    const auto from = dataset_.available_from_ms(), until = dataset_.available_until_ms();
    if (from.empty()) return;
    const auto time = dataset_.times_ms()[static_cast<std::size_t>(query.position)];
    for (std::size_t item = 0; item < n_items_; ++item)
      if (time < from[item] || time >= until[item]) scores[item] = kHidden;
  }

  void put_in_tie_order(std::span<float> scores, std::vector<float>& ordered) const {
    ordered.resize(n_items_);
    for (std::size_t i = 0; i < n_items_; ++i) ordered[i] = scores[static_cast<std::size_t>(tie_order_[i])];
    std::copy(ordered.begin(), ordered.end(), scores.begin());
  }

  /// Also leaves the row of scores masked and in tie order, ready for the selection of the list.
  void rank_targets_of(HalfBlock& block, std::size_t q, std::size_t rank_begin, Scratch& scratch) const {
    const Query& query = block.queries[q];
    const std::span<float> scores = std::span(block.scores).subspan(q * n_items_, n_items_);
    find_targets(dataset_, protocol_, query, scratch.targets);
    if (protocol_.hide_seen) hide_history(query, scratch.targets, scores);
    hide_unavailable(query, scores);
    if (protocol_.untrained_candidates) std::fill_n(scores.begin(), dataset_.n_trained_items(), kHidden);
    if (!tie_order_.empty()) put_in_tie_order(scores, scratch.ordered);
    scratch.places.clear();
    for (const ItemRow item : scratch.targets.known) {
      const auto row = static_cast<std::size_t>(item);
      scratch.places.push_back(tie_order_.empty() ? row : place_[row]);
    }
    rank_targets(scores, scratch.places, !tie_order_.empty(), scratch.found);
    const auto ranks = std::span(block.ranks).subspan(rank_begin, scratch.found.ranks.size());
    std::copy(scratch.found.ranks.begin(), scratch.found.ranks.end(), ranks.begin());
    Ranking& ranking = block.rankings[q];
    ranking.query = &query;
    ranking.n_targets = scratch.targets.size();
    ranking.ranks = ranks;
    ranking.tied = scratch.found.tied;
  }

  const Dataset& dataset_;
  std::size_t n_items_;
  std::span<const ItemRow> tie_order_;
  std::vector<std::size_t> place_;  ///< of an item in the tie order
  RankingProtocol protocol_;
  int n_threads_;
};

}  // namespace

void rank_all(const Dataset& dataset, Scorer& scorer, std::span<const Query> queries, const RankingProtocol& protocol,
              int n_threads, const std::function<void(const Ranking&)>& consume, std::int64_t block_queries) {
  if (protocol.max_k < 1)
    throw std::invalid_argument("rank_all: max_k is " + std::to_string(protocol.max_k) + ", below 1");
  if (block_queries < 0) throw std::invalid_argument("rank_all: block_queries is below 0");
  if (dataset.n_items() < 1) throw std::invalid_argument("rank_all: the dataset has no items");
  for (const Query& query : queries) {
    if (query.position >= query.end) {
      throw std::invalid_argument("rank_all: the query at position " + std::to_string(query.position) +
                                  " asks for no event: its end, " + std::to_string(query.end) + ", must lie behind");
    }
  }
  if (block_queries == 0) block_queries = std::clamp<std::int64_t>(kScoresPerBlock / dataset.n_items(), 256, 4096);
  const BlockRanker ranker(dataset, scorer.tie_order(), protocol, n_threads);
  const auto half = static_cast<std::size_t>(std::max<std::int64_t>(1, block_queries / 2));
  const auto n_items = static_cast<std::size_t>(dataset.n_items());

  HalfBlock blocks[2];
  std::future<void> ranked;  // of the block before the one that is being scored
  const auto deliver = [&](const HalfBlock& block) {
    ranked.get();
    for (const Ranking& ranking : block.rankings) consume(ranking);
  };
  std::size_t n_blocks = 0;
  for (std::size_t first = 0; first < queries.size(); first += half, ++n_blocks) {
    HalfBlock& block = blocks[n_blocks % 2];
    block.queries = queries.subspan(first, std::min(half, queries.size() - first));
    block.scores.resize(block.queries.size() * n_items);
    scorer.score(block.queries, {block.scores.data(), static_cast<std::int64_t>(block.queries.size()),
                                 static_cast<std::int64_t>(n_items)});
    if (n_blocks > 0) deliver(blocks[(n_blocks - 1) % 2]);
    const auto policy = n_threads > 1 ? std::launch::async : std::launch::deferred;
    ranked = std::async(policy, [&ranker, &block] { ranker.rank(block); });
  }
  if (n_blocks > 0) deliver(blocks[(n_blocks - 1) % 2]);
}

}  // namespace segue::ranking
