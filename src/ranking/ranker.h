#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "ranking/scorer.h"

namespace segue::ranking {

enum class Positions { kLast, kEvery };  ///< last target of a sequence's part, or every target that has a history

struct RankingProtocol {
  Part part = Part::kTest;
  Positions positions = Positions::kLast;
  bool hide_seen = false;        ///< items of the history are not candidates (the target always is)
  std::int64_t max_k = 20;       ///< length of the lists
  std::int64_t min_history = 1;  ///< targets with fewer earlier events are left out
};

/// The queries of a protocol, in sequence order. Targets unknown to the training part are kept: they count as misses.
std::vector<Query> make_queries(const Dataset& dataset, const RankingProtocol& protocol);

/// The answer to one query.
struct Ranking {
  const Query* query = nullptr;
  ItemRow target = kNoItem;        ///< n_items (unknown) can never be found
  std::int64_t rank = 0;           ///< of the target, from 1; 0: not a candidate (unknown item, NaN or -inf score)
  bool tied = false;               ///< another candidate has the target's score
  std::span<const ItemRow> items;  ///< the first max_k, best first; kNoItem fills up
  std::span<const float> scores;   ///< theirs
};

/// Ranks the whole catalogue for every query, in blocks: never holds more than `block_queries` rows of scores (0: as
/// many as make 8 MB, 256 to 4,096). NaN never ranks: a model of NaN or constant scores gets rank 0 or last. Calls
/// `consume` in query order on the caller's thread.
void rank_all(const Dataset& dataset, Scorer& scorer, std::span<const Query> queries, const RankingProtocol& protocol,
              int n_threads, const std::function<void(const Ranking&)>& consume, std::int64_t block_queries = 0);

}  // namespace segue::ranking
