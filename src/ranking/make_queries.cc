#include <algorithm>
#include <cmath>
#include <optional>

#include "ranking/protocol.h"

namespace segue::ranking {
namespace {

/// Positions of the part's events in a sequence: [begin, end).
struct Span {
  std::int64_t begin, end;
};

Span events_of(const SequenceBounds& bounds, Part part) {
  switch (part) {
    case Part::kTrain: return {bounds.begin, bounds.train_end};
    case Part::kValidation: return {bounds.train_end, bounds.valid_end};
    case Part::kTest: return {bounds.valid_end, bounds.end};
  }
  return {0, 0};
}

/// Where the history of a sequence ends and the set that is asked for begins; none where one of them would be empty.
std::optional<std::int64_t> cut_of(std::int64_t begin, Span part, const RankingProtocol& protocol) {
  std::int64_t cut = part.begin;
  if (part.begin == begin) {
    constexpr double kRounding = 1e-9;  // .55 of 100 events are 55, not the 56 that the product's last bit would make
    const auto n_given = std::ceil(protocol.given * static_cast<double>(part.end - begin) - kRounding);
    cut = std::min(begin + static_cast<std::int64_t>(n_given), part.end - 1);
  }
  cut = std::max(cut, begin + std::max<std::int64_t>(protocol.min_history, 1));
  return cut < part.end ? std::optional(cut) : std::nullopt;
}

void add_single_targets(std::int64_t sequence, const SequenceBounds& bounds, const RankingProtocol& protocol,
                        std::vector<Query>& queries) {
  const Span part = events_of(bounds, protocol.part);
  std::int64_t begin = std::max(part.begin, bounds.begin + protocol.min_history);
  if (protocol.positions == Positions::kLast) begin = std::max(begin, part.end - 1);
  for (std::int64_t position = begin; position < part.end; ++position)
    queries.push_back({sequence, bounds.begin, position, position + 1});
}

}  // namespace

std::vector<Query> make_queries(const Dataset& dataset, const RankingProtocol& protocol) {
  std::vector<Query> queries;
  Targets targets;
  for (std::int64_t sequence = 0; sequence < dataset.n_sequences(); ++sequence) {
    const SequenceBounds bounds = dataset.bounds(sequence);
    if (protocol.positions != Positions::kRest) {
      const std::size_t n_before = queries.size();
      add_single_targets(sequence, bounds, protocol, queries);
      if (protocol.untrained_targets) {
        const auto asks_nothing = [&](const Query& query) {
          find_targets(dataset, protocol, query, targets);
          return targets.size() == 0;
        };
        queries.erase(
            std::remove_if(queries.begin() + static_cast<std::ptrdiff_t>(n_before), queries.end(), asks_nothing),
            queries.end());
      }
      continue;
    }
    const Span part = events_of(bounds, protocol.part);
    const auto cut = cut_of(bounds.begin, part, protocol);
    if (!cut) continue;
    const Query query{sequence, bounds.begin, *cut, part.end};
    find_targets(dataset, protocol, query, targets);
    if (targets.size() > 0) queries.push_back(query);
  }
  return queries;
}

}  // namespace segue::ranking
