#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model_file/bundle.h"
#include "recommend/recommend.h"

namespace segue::recommend {

/// Which items may be recommended: those of the allow list (all without one) less those of the deny list, and of them
/// those that every condition holds of. Made once, before any history is read.
class ItemFilter {
 public:
  /// @param bundle                 whose items they are, with its item features
  /// @param allow_list, deny_list  files of one item id a line (blank lines are skipped), or empty
  /// @throws ConfigError  a condition that names no category of the items
  /// @throws DataError    no such file; nothing is left to recommend
  ItemFilter(const model_file::Bundle& bundle, const std::string& allow_list, const std::string& deny_list,
             const std::vector<ItemCondition>& where);
  [[nodiscard]] bool allows(std::int32_t row) const {
    return words_.empty() || ((words_[static_cast<std::size_t>(row) / 32] >> (row % 32)) & 1U) != 0;
  }
  /// Bitset for kernels::ItemMatrix::allowed; nullptr: all.
  [[nodiscard]] const std::uint32_t* words() const { return words_.empty() ? nullptr : words_.data(); }
  /// Ids of the lists that the model does not know.
  [[nodiscard]] std::int64_t n_unknown() const { return n_unknown_; }
  /// Values of the conditions that no item has, as "genre 'dramma'".
  [[nodiscard]] const std::vector<std::string>& unknown_values() const { return unknown_values_; }

 private:
  void keep_if(std::int32_t n_items, const std::function<bool(std::int32_t)>& keep);
  void apply(const model_file::Bundle& bundle, const ItemCondition& condition);
  std::vector<std::uint32_t> words_;
  std::int64_t n_unknown_ = 0;
  std::vector<std::string> unknown_values_;
};

}  // namespace segue::recommend
