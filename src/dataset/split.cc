#include "dataset/split.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>

namespace segue::dataset {

std::int64_t last_moment(const Partitions::Loaded& loaded, std::size_t sequence, SplitKind split) {
  const auto last = static_cast<std::size_t>(loaded.begins[sequence + 1] - 1);
  if (split == SplitKind::kLastSequences && !loaded.times_ms.empty()) return loaded.times_ms[last];
  // With times, the last event need not be the last row.
  return *std::max_element(loaded.inputs.begin() + loaded.begins[sequence],
                           loaded.inputs.begin() + loaded.begins[sequence + 1]);
}

Part part_of_user(std::string_view id, const DataOptions& options) {
  const std::uint64_t hash = XXH3_64bits_withSeed(id.data(), id.size(), options.split_seed);
  const double share = std::ldexp(static_cast<double>(hash >> 11U), -53);  // 53 bits are a double's
  if (share < options.test_fraction) return Part::kTest;
  return share < options.test_fraction + options.validation_fraction ? Part::kValidation : Part::kTrain;
}

std::vector<Kept> split_sequences(const Partitions::Loaded& loaded, const DataOptions& options, const Cuts& cuts) {
  std::vector<Kept> kept;
  for (std::size_t s = 0; s < loaded.n_sequences(); ++s) {
    const std::int64_t end = loaded.begins[s + 1];
    std::int64_t begin = loaded.begins[s];
    if (end - begin < options.min_sequence_length) continue;
    if (options.max_sequence_length > 0) begin = std::max(begin, end - options.max_sequence_length);
    SequenceBounds bounds{begin, end, end, end};
    const auto all_in = [&](Part part) {
      if (part != Part::kTrain) bounds.train_end = begin;
      if (part == Part::kTest) bounds.valid_end = begin;
    };
    switch (options.split) {
      case SplitKind::kTime: {
        const auto first = loaded.times_ms.begin() + begin, last = loaded.times_ms.begin() + end;
        bounds.train_end = begin + (std::lower_bound(first, last, std::min(cuts.validation, cuts.test)) - first);
        bounds.valid_end = begin + (std::lower_bound(first, last, cuts.test) - first);
        break;
      }
      case SplitKind::kLastItem:
        if (end - begin >= 3) {
          bounds.train_end = end - 2;
          bounds.valid_end = end - 1;
        }
        break;
      case SplitKind::kLastSequences: {
        const auto moment = last_moment(loaded, s, options.split);
        all_in(moment >= cuts.test ? Part::kTest : moment >= cuts.validation ? Part::kValidation : Part::kTrain);
        break;
      }
      case SplitKind::kUsers: all_in(part_of_user(loaded.ids[s], options)); break;
      case SplitKind::kFiles: {
        const bool late = loaded.parts[s] == Part::kTrain && last_moment(loaded, s, options.split) >= cuts.validation;
        all_in(late ? Part::kValidation : loaded.parts[s]);
        break;
      }
    }
    kept.push_back({s, bounds});
  }
  return kept;
}

}  // namespace segue::dataset
