#include "baselines/training_events.h"

#include <algorithm>

namespace segue::baselines {

TrainingEvents::TrainingEvents(const Dataset& dataset, bool include_validation)
    : item_rows_(dataset.item_rows()),
      times_(dataset.times_ms()),
      begins_(dataset.begins()),
      ends_(include_validation ? dataset.valid_ends() : dataset.train_ends()),
      n_items_(static_cast<std::size_t>(dataset.n_items())),
      counts_(n_items_) {
  for (std::int64_t s = 0; s < n_sequences(); ++s) {
    for (const ItemRow item : sequence(s)) {
      if (is_known(item)) ++counts_[static_cast<std::size_t>(item)];
    }
  }
}

std::span<const ItemRow> TrainingEvents::sequence(std::int64_t sequence) const {
  const auto s = static_cast<std::size_t>(sequence);
  return item_rows_.subspan(static_cast<std::size_t>(begins_[s]), static_cast<std::size_t>(ends_[s] - begins_[s]));
}

std::int64_t TrainingEvents::end_time(std::int64_t sequence) const {
  const auto s = static_cast<std::size_t>(sequence);
  if (times_.empty() || ends_[s] == begins_[s]) return sequence;
  return times_[static_cast<std::size_t>(ends_[s] - 1)];
}

std::span<const ItemRow> TrainingEvents::history(const ranking::Query& query) const {
  return item_rows_.subspan(static_cast<std::size_t>(query.begin),
                            static_cast<std::size_t>(query.position - query.begin));
}

std::span<const ItemRow> TrainingEvents::trained_history(const ranking::Query& query) const {
  const std::int64_t end = std::min(query.position, ends_[static_cast<std::size_t>(query.sequence)]);
  return history(query).first(static_cast<std::size_t>(std::max<std::int64_t>(0, end - query.begin)));
}

std::vector<ItemRow> TrainingEvents::distinct_items(std::int64_t sequence) const {
  std::vector<ItemRow> items;
  for (const ItemRow item : this->sequence(sequence)) {
    if (is_known(item)) items.push_back(item);
  }
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return items;
}

}  // namespace segue::baselines
