#pragma once

#include <cstdint>
#include <vector>

#include "dataset/dataset.h"
#include "models/item_features.h"
#include "support/random.h"

namespace segue::test_device {

inline constexpr std::int32_t kItems = 30;
inline constexpr int kSequences = 240;

/// Short walks round a ring of items, with times and rewards; of each, the last two events are not trained on.
inline Dataset small_world() {
  Random random(11);
  EventsInMemory events;
  events.n_items = kItems;
  for (int s = 0; s < kSequences; ++s) {
    const auto length = static_cast<std::int64_t>(4 + random.below(6));
    auto item = static_cast<std::int32_t>(random.below(kItems));
    for (std::int64_t i = 0; i < length; ++i) {
      events.item_rows.push_back(item);
      events.times_ms.push_back((s * 20 + i) * 3'600'000);
      events.rewards.push_back(static_cast<float>(1 + random.uniform()));
      item = (item + static_cast<std::int32_t>(1 + random.below(3))) % kItems;
    }
    events.begins.push_back(static_cast<std::int64_t>(events.item_rows.size()));
    events.train_ends.push_back(events.begins.back() - 2);
    events.valid_ends.push_back(events.begins.back() - 1);
  }
  return Dataset::in_memory(events);
}

/// A category, a number and up to three of seven words of every item; the unknown one has none.
inline models::ItemFeatures item_features() {
  Random random(12);
  std::vector<std::int32_t> codes, words;
  std::vector<float> values;
  std::vector<std::int64_t> offsets = {0};
  for (std::int32_t item = 0; item <= kItems; ++item) {
    codes.push_back(static_cast<std::int32_t>(random.below(5)));
    values.push_back(static_cast<float>(random.normal()));
    for (std::int32_t word = 0; item < kItems && word < 7; ++word)
      if (random.below(3) == 0 && words.size() < static_cast<std::size_t>(offsets.back()) + 3) words.push_back(word);
    offsets.push_back(static_cast<std::int64_t>(words.size()));
  }
  models::ItemFeatures features;
  features.add({"genre", true, 5, false, true}, codes, {});
  features.add({"year", false, 0, false, true}, {}, values);
  features.add({"words", true, 7, false, true, true}, words, {}, offsets);
  return features;
}

}  // namespace segue::test_device
