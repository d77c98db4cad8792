#pragma once

#include <cstdint>
#include <vector>

#include "dataset/dataset.h"
#include "ranking/scorer.h"
#include "support/ids.h"

namespace segue::ranking {

/// Whether an item can be recommended at the time of an event; always where the dataset has no intervals.
inline bool is_available(const Dataset& dataset, ItemRow item, std::int64_t event) {
  const auto from = dataset.available_from_ms(), until = dataset.available_until_ms();
  if (from.empty()) return true;
  const auto row = static_cast<std::size_t>(item);
  const auto time = dataset.times_ms()[static_cast<std::size_t>(event)];
  return from[row] <= time && time < until[row];
}

/// What is asked of a sequence's part: its last event; each event that has a history; or, in one query, the set of its
/// items, from a history that ends where the part begins.
enum class Positions { kLast, kEvery, kRest };

struct RankingProtocol {
  Part part = Part::kTest;
  Positions positions = Positions::kLast;
  /// Items of the history are no candidates. A single target always is one; a set loses those of its items.
  bool hide_seen = false;
  std::int64_t max_k = 20;            ///< length of the lists
  std::int64_t min_history = 1;       ///< targets with fewer earlier events are left out
  bool untrained_targets = false;     ///< only items without a training event are asked for
  bool untrained_candidates = false;  ///< and only they can be answers
  double given = 0.8;  ///< kRest: share of a sequence that lies in the part as a whole which is its history
};

/// The queries of a protocol, in sequence order. Targets unknown to the training part, or not available when they are
/// asked for, are kept: they count as misses.
///
/// kRest: the history ends where the part begins. A sequence without an earlier event (a held-out user) is cut after
/// ceil(given * its events), one event at least to either side. The cut moves on until min_history events stand before
/// it. A sequence is left out where nothing is left behind the cut, or nothing that find_targets() keeps.
std::vector<Query> make_queries(const Dataset& dataset, const RankingProtocol& protocol);

/// The distinct items that a query asks for.
struct Targets {
  std::vector<ItemRow> known;      ///< rising
  std::int64_t n_unknown = 0;      ///< events of unknown items. Those share a row, so each counts as an item of its own
  std::int64_t n_repeated = 0;     ///< items dropped, since they stand in the history
  std::int64_t n_unavailable = 0;  ///< of `known`, those that are not available at the time of the query: misses
  /// Items that a perfect list would have to hold.
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(known.size()) + n_unknown; }
};

/// Fills `targets`, whose memory is used again, from the events [position, end) of the query. With hide_seen a set
/// (kRest) drops the items of the history, which no list can hold; unknown items are never taken for repeated.
/// The time of a query is that of its first target, the event at `position`.
/// Cost: sorts those events, and the history where items are dropped.
void find_targets(const Dataset& dataset, const RankingProtocol& protocol, const Query& query, Targets& targets);

}  // namespace segue::ranking
