#include <algorithm>
#include <iterator>
#include <span>

#include "ranking/protocol.h"

namespace segue::ranking {
namespace {

std::span<const ItemRow> events_of(const Dataset& dataset, std::int64_t begin, std::int64_t end) {
  return dataset.item_rows().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

void drop_seen(std::span<const ItemRow> history, Targets& targets) {
  std::vector<ItemRow> seen(history.begin(), history.end()), kept;
  std::sort(seen.begin(), seen.end());
  std::set_difference(targets.known.begin(), targets.known.end(), seen.begin(), seen.end(), std::back_inserter(kept));
  targets.n_repeated = static_cast<std::int64_t>(targets.known.size() - kept.size());
  targets.known.swap(kept);
}

}  // namespace

void find_targets(const Dataset& dataset, const RankingProtocol& protocol, const Query& query, Targets& targets) {
  targets.known.clear();
  targets.n_unknown = targets.n_repeated = targets.n_unavailable = 0;
  for (const ItemRow item : events_of(dataset, query.position, query.end)) {
    if (item >= 0 && item < dataset.n_items())
      targets.known.push_back(item);
    else
      ++targets.n_unknown;
  }
  std::sort(targets.known.begin(), targets.known.end());
  targets.known.erase(std::unique(targets.known.begin(), targets.known.end()), targets.known.end());
  if (protocol.untrained_targets) {
    std::erase_if(targets.known, [&](ItemRow item) { return item < dataset.n_trained_items(); });
    targets.n_unknown = 0;
  }
  if (protocol.hide_seen && protocol.positions == Positions::kRest)
    drop_seen(events_of(dataset, query.begin, query.position), targets);
  targets.n_unavailable = std::count_if(targets.known.begin(), targets.known.end(),
                                        [&](ItemRow item) { return !is_available(dataset, item, query.position); });
}

}  // namespace segue::ranking
