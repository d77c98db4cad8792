#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "collaborative/filter.h"
#include "dataset/dataset.h"
#include "support/random.h"

namespace segue::collaborative {

/// Six items, of which nobody has 5; six sequences. Only the first has a validation and a test event.
inline EventsInMemory small_events() {
  EventsInMemory events;
  events.n_items = 6;
  const std::vector<std::vector<ItemRow>> training = {{0, 1, 2, 0}, {0, 1},       {1, 2, 3},
                                                      {3, 4, 3},    {0, 6, 2, 4}, {0, 1, 2, 3}};
  for (const auto& items : training) {
    events.item_rows.insert(events.item_rows.end(), items.begin(), items.end());
    events.train_ends.push_back(static_cast<std::int64_t>(events.item_rows.size()));
    if (events.train_ends.size() == 1) events.item_rows.push_back(3);
    events.valid_ends.push_back(static_cast<std::int64_t>(events.item_rows.size()));
    if (events.train_ends.size() == 1) events.item_rows.push_back(4);
    events.begins.push_back(static_cast<std::int64_t>(events.item_rows.size()));
  }
  return events;
}

/// With repeats and an unknown item.
inline const std::vector<ItemRow> kHistory = {4, 6, 0, 1, 4, 0};

inline std::vector<float> scores_of(const Filter& filter, const std::vector<ItemRow>& history) {
  std::vector<float> scores(static_cast<std::size_t>(filter.n_items()), std::nanf(""));
  filter.score(history, scores);
  return scores;
}

inline std::vector<float> small_scores(const FilterOptions& options, const std::vector<ItemRow>& history = kHistory) {
  const Dataset dataset = Dataset::in_memory(small_events());
  return scores_of(*fit(options, dataset, {}), history);
}

/// Two clusters of items, [0, n_items / 2) and the rest: every sequence draws from one of them, more often the smaller
/// its place in the cluster. The first half of the sequences is of the first cluster.
inline Dataset two_clusters(std::int32_t n_items, std::int64_t n_sequences, std::uint64_t seed,
                            std::int64_t max_length = 12) {
  EventsInMemory events;
  events.n_items = n_items;
  Random random(seed);
  const std::int32_t half = n_items / 2;
  for (std::int64_t s = 0; s < n_sequences; ++s) {
    const std::int32_t first = s < n_sequences / 2 ? 0 : half;
    const auto length = 4 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(max_length - 3)));
    for (std::int64_t e = 0; e < length; ++e) {
      const double u = random.uniform();
      events.item_rows.push_back(first + static_cast<std::int32_t>(u * u * half));
    }
    events.begins.push_back(static_cast<std::int64_t>(events.item_rows.size()));
    events.train_ends.push_back(events.begins.back() - 1);
    events.valid_ends.push_back(events.begins.back() - 1);
  }
  for (std::size_t e = 0; e < events.item_rows.size(); ++e)
    events.times_ms.push_back(static_cast<std::int64_t>(e) * 60'000);
  return Dataset::in_memory(std::move(events));
}

}  // namespace segue::collaborative
