#include <algorithm>
#include <stdexcept>

#include "ranking/ranker.h"

namespace segue::ranking {

std::vector<Query> make_queries(const Dataset& dataset, const RankingProtocol& protocol) {
  if (protocol.min_history < 0) throw std::invalid_argument("make_queries: min_history is negative");
  std::vector<Query> queries;
  for (std::int64_t sequence = 0; sequence < dataset.n_sequences(); ++sequence) {
    const auto bounds = dataset.bounds(sequence);
    std::int64_t first = bounds.valid_end, end = bounds.end;
    if (protocol.part == Part::kTrain) first = bounds.begin, end = bounds.train_end;
    if (protocol.part == Part::kValidation) first = bounds.train_end, end = bounds.valid_end;
    first = std::max(first, bounds.begin + protocol.min_history);
    if (protocol.positions == Positions::kLast) first = std::max(first, end - 1);
    for (auto position = first; position < end; ++position) queries.push_back({sequence, bounds.begin, position});
  }
  return queries;
}

}  // namespace segue::ranking
