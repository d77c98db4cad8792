#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "ranking/protocol.h"
#include "ranking/scorer.h"

namespace segue::ranking {

/// The answer to one query.
struct Ranking {
  const Query* query = nullptr;
  std::int64_t n_targets = 0;           ///< items asked for, at least 1 (Targets::size)
  std::span<const std::int64_t> ranks;  ///< of those that rank, from 1, rising: not of an unknown item, a NaN or -inf
  bool tied = false;                    ///< a candidate that is no target has the score of one
  std::span<const ItemRow> items;       ///< the first max_k, best first; kNoItem fills up
  std::span<const float> scores;        ///< theirs
};

/// Ranks the whole catalogue for every query, or, where the dataset has intervals, the items that are available at the
/// time of its first target (a target that is not has no rank), in blocks: never holds more than `block_queries` rows
/// of scores (0: as many as make 8 MB, 256 to 4,096). NaN never ranks: targets of a model of NaN or constant scores get
/// no rank or the last ones. Calls `consume` in query order on the caller's thread.
///
/// Cost beside the scorer's: a pass over a query's scores for the ranks (target_ranks.h), and one for the list.
/// @throws std::invalid_argument  max_k below 1, a query without an event to predict, a tie order of other items
void rank_all(const Dataset& dataset, Scorer& scorer, std::span<const Query> queries, const RankingProtocol& protocol,
              int n_threads, const std::function<void(const Ranking&)>& consume, std::int64_t block_queries = 0);

}  // namespace segue::ranking
