#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model_file/bundle.h"
#include "recommend/recommend.h"

namespace segue::recommend {

/// Which items may be recommended: those of the allow list (all without one) less those of the deny list, of them those
/// that every condition holds of, and of these the ones that are available at the time of the request.
class ItemFilter {
 public:
  /// @param bundle                 whose items they are, with item features and intervals; must outlive the filter
  /// @param allow_list, deny_list  files of one item id a line (blank lines are skipped), or empty
  /// @throws ConfigError  a condition that names no category of the items
  /// @throws DataError    no such file; nothing is left to recommend by lists and conditions
  ItemFilter(const model_file::Bundle& bundle, const std::string& allow_list, const std::string& deny_list,
             const std::vector<ItemCondition>& where);
  /// Whether it matters when is asked.
  [[nodiscard]] bool has_intervals() const { return !from_ms_.empty(); }
  [[nodiscard]] bool hides_items() const { return has_intervals() || !words_.empty(); }
  [[nodiscard]] bool allows(std::int32_t row, std::int64_t time_ms) const {
    return is_listed(row) && is_available(row, time_ms);
  }
  /// The same number for times between which no item comes or goes.
  [[nodiscard]] std::size_t period_of(std::int64_t time_ms) const;
  /// Bitset for kernels::ItemMatrix::allowed; nullptr: all.
  /// @param made  holds the bits where they depend on the time
  [[nodiscard]] const std::uint32_t* words(std::int64_t time_ms, std::vector<std::uint32_t>& made) const;
  /// Ids of the lists that the model does not know.
  [[nodiscard]] std::int64_t n_unknown() const { return n_unknown_; }
  /// Values of the conditions that no item has, as "genre 'dramma'".
  [[nodiscard]] const std::vector<std::string>& unknown_values() const { return unknown_values_; }

 private:
  [[nodiscard]] bool is_listed(std::int32_t row) const {
    return words_.empty() || ((words_[static_cast<std::size_t>(row) / 32] >> (row % 32)) & 1U) != 0;
  }
  [[nodiscard]] bool is_available(std::int32_t row, std::int64_t time_ms) const {
    const auto item = static_cast<std::size_t>(row);
    return from_ms_.empty() || (from_ms_[item] <= time_ms && time_ms < until_ms_[item]);
  }
  void keep_if(std::int32_t n_items, const std::function<bool(std::int32_t)>& keep);
  void apply(const model_file::Bundle& bundle, const ItemCondition& condition);
  std::vector<std::uint32_t> words_;                  // of lists and conditions; empty: all
  std::span<const std::int64_t> from_ms_, until_ms_;  // of the bundle
  std::vector<std::int64_t> changes_;                 // the times at which an item comes or goes, rising
  std::int32_t n_items_ = 0;
  std::int64_t n_unknown_ = 0;
  std::vector<std::string> unknown_values_;
};

}  // namespace segue::recommend
