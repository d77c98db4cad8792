#include "baselines/training_counts.h"

#include <algorithm>
#include <numeric>

namespace segue::baselines {

std::span<const ItemRow> TrainingPart::items(std::int64_t sequence) const {
  const auto bounds = dataset_->bounds(sequence);
  const auto end = include_validation_ ? bounds.valid_end : bounds.train_end;
  return dataset_->item_rows().subspan(static_cast<std::size_t>(bounds.begin),
                                       static_cast<std::size_t>(end - bounds.begin));
}

std::vector<std::int64_t> TrainingPart::item_counts() const {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(n_items()), 0);
  for (std::int64_t sequence = 0; sequence < n_sequences(); ++sequence)
    for (const auto item : items(sequence))
      if (item < n_items()) ++counts[static_cast<std::size_t>(item)];
  return counts;
}

std::vector<ItemRow> tie_permutation(const std::vector<std::int64_t>& counts, TieOrder order) {
  std::vector<ItemRow> items(counts.size());
  std::iota(items.begin(), items.end(), ItemRow{0});
  if (order == TieOrder::kPopularity)
    std::stable_sort(items.begin(), items.end(), [&](ItemRow a, ItemRow b) {
      return counts[static_cast<std::size_t>(a)] > counts[static_cast<std::size_t>(b)];
    });
  return items;
}

}  // namespace segue::baselines
