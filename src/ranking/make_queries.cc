#include <algorithm>
#include <utility>

#include "ranking/ranker.h"

namespace segue::ranking {
namespace {

/// Positions of the part's targets in a sequence: [first, second).
std::pair<std::int64_t, std::int64_t> targets_of(const SequenceBounds& bounds, Part part) {
  switch (part) {
    case Part::kTrain: return {bounds.begin, bounds.train_end};
    case Part::kValidation: return {bounds.train_end, bounds.valid_end};
    case Part::kTest: return {bounds.valid_end, bounds.end};
  }
  return {0, 0};
}

}  // namespace

std::vector<Query> make_queries(const Dataset& dataset, const RankingProtocol& protocol) {
  std::vector<Query> queries;
  for (std::int64_t sequence = 0; sequence < dataset.n_sequences(); ++sequence) {
    const SequenceBounds bounds = dataset.bounds(sequence);
    const auto [part_begin, end] = targets_of(bounds, protocol.part);
    std::int64_t begin = std::max(part_begin, bounds.begin + protocol.min_history);
    if (protocol.positions == Positions::kLast) begin = std::max(begin, end - 1);
    for (std::int64_t position = begin; position < end; ++position) {
      queries.push_back({sequence, bounds.begin, position});
    }
  }
  return queries;
}

}  // namespace segue::ranking
