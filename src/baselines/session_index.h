#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baselines/training_events.h"

namespace segue::baselines {

/// Training sequences as sets of known items, oldest first, and for every item the sequences that hold it.
class SessionIndex {
 public:
  explicit SessionIndex(const TrainingEvents& events);
  [[nodiscard]] std::size_t n_sessions() const { return session_offsets_.size() - 1; }
  [[nodiscard]] std::span<const ItemRow> items_of(std::size_t session) const;   ///< rising
  [[nodiscard]] std::span<const std::int32_t> sessions_of(ItemRow item) const;  ///< rising: the latest is last

 private:
  std::vector<std::size_t> session_offsets_ = {0}, item_offsets_;
  std::vector<ItemRow> items_;
  std::vector<std::int32_t> sessions_;
};

}  // namespace segue::baselines
