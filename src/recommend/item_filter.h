#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "features/vocabulary.h"

namespace segue::recommend {

/// Which items may be recommended: those of the allow list (all without one) less those of the deny list.
class ItemFilter {
 public:
  /// @param allow_list, deny_list  files of one item id a line (blank lines are skipped), or empty
  /// @throws DataError  no such file; nothing is left to recommend
  ItemFilter(const features::Vocabulary& items, const std::string& allow_list, const std::string& deny_list);
  [[nodiscard]] bool allows(std::int32_t row) const {
    return words_.empty() || ((words_[static_cast<std::size_t>(row) / 32] >> (row % 32)) & 1U) != 0;
  }
  /// Bitset for kernels::ItemMatrix::allowed; nullptr: all.
  [[nodiscard]] const std::uint32_t* words() const { return words_.empty() ? nullptr : words_.data(); }
  [[nodiscard]] std::int64_t n_unknown() const {
    return n_unknown_;
  }  ///< ids of the lists that the model does not know

 private:
  std::vector<std::uint32_t> words_;
  std::int64_t n_unknown_ = 0;
};

}  // namespace segue::recommend
