#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "ranking/scorer.h"

namespace segue::baselines {

/// The events that a baseline may learn from, the history that a query may read, and nothing of the test part.
class TrainingEvents {
 public:
  /// @param include_validation  learn from the validation part too
  TrainingEvents(const Dataset& dataset, bool include_validation);

  [[nodiscard]] std::int64_t n_sequences() const { return static_cast<std::int64_t>(ends_.size()); }
  [[nodiscard]] std::size_t n_items() const { return n_items_; }
  /// Training events of a sequence; rows >= n_items() are unknown items.
  [[nodiscard]] std::span<const ItemRow> sequence(std::int64_t sequence) const;
  /// When the training events of a sequence ended; sequences without times count in their order.
  [[nodiscard]] std::int64_t end_time(std::int64_t sequence) const;
  /// Events before the target.
  [[nodiscard]] std::span<const ItemRow> history(const ranking::Query& query) const;
  /// Those of them that are training events.
  [[nodiscard]] std::span<const ItemRow> trained_history(const ranking::Query& query) const;
  /// Distinct known items of a sequence, rising.
  [[nodiscard]] std::vector<ItemRow> distinct_items(std::int64_t sequence) const;
  [[nodiscard]] bool is_known(ItemRow item) const { return item >= 0 && static_cast<std::size_t>(item) < n_items_; }
  [[nodiscard]] const std::vector<std::int64_t>& counts() const { return counts_; }  ///< [n_items]

 private:
  std::span<const ItemRow> item_rows_;
  std::span<const std::int64_t> times_, begins_, ends_;
  std::size_t n_items_;
  std::vector<std::int64_t> counts_;
};

}  // namespace segue::baselines
