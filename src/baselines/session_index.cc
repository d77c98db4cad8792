#include "baselines/session_index.h"

#include <algorithm>
#include <numeric>

namespace segue::baselines {

SessionIndex::SessionIndex(const TrainingEvents& events) : item_offsets_(events.n_items() + 1) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(events.n_sequences()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return events.end_time(a) < events.end_time(b); });
  for (const std::int64_t sequence : order) {
    const auto items = events.distinct_items(sequence);
    if (items.empty()) continue;
    items_.insert(items_.end(), items.begin(), items.end());
    session_offsets_.push_back(items_.size());
    for (const ItemRow item : items) ++item_offsets_[static_cast<std::size_t>(item) + 1];
  }
  std::partial_sum(item_offsets_.begin(), item_offsets_.end(), item_offsets_.begin());
  sessions_.resize(items_.size());
  std::vector<std::size_t> next(item_offsets_.begin(), item_offsets_.end() - 1);
  for (std::size_t session = 0; session < n_sessions(); ++session) {
    for (const ItemRow item : items_of(session)) {
      sessions_[next[static_cast<std::size_t>(item)]++] = static_cast<std::int32_t>(session);
    }
  }
}

std::span<const ItemRow> SessionIndex::items_of(std::size_t session) const {
  return std::span(items_).subspan(session_offsets_[session],
                                   session_offsets_[session + 1] - session_offsets_[session]);
}

std::span<const std::int32_t> SessionIndex::sessions_of(ItemRow item) const {
  const auto i = static_cast<std::size_t>(item);
  return std::span(sessions_).subspan(item_offsets_[i], item_offsets_[i + 1] - item_offsets_[i]);
}

}  // namespace segue::baselines
