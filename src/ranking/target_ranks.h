#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace segue::ranking {

/// Where the targets of a query came out.
struct TargetRanks {
  std::vector<std::int64_t> ranks;  ///< of the targets that rank, from 1, rising
  bool tied = false;                ///< a candidate that is no target has the score of one
};

/// Ranks targets among all candidates: a higher score first; a candidate that is no target goes before a target of its
/// score, or, where scores are `tie_ordered`, before those that stand behind it. Targets of equal scores follow in
/// their order. A target of NaN or -inf has no rank, a candidate of NaN or -inf takes none.
///
/// Cost: one pass over the scores. For a single target it compares, vectorised; for n it looks each score up among
/// theirs, n_items * log2(n), without the scores below the lowest target's.
///
/// @param scores  [n_items]; where tie_ordered, equal scores stand in their order
/// @param places  of the targets in `scores`, distinct
/// @param found   filled; its memory is used again
void rank_targets(std::span<const float> scores, std::span<const std::size_t> places, bool tie_ordered,
                  TargetRanks& found);

}  // namespace segue::ranking
