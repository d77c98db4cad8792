#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/vocabulary.h"
#include "model_file/bundle.h"
#include "support/ids.h"

namespace segue::recommend {

/// The categories that the items of a bundle have by one of their features.
class ItemCategories {
 public:
  /// @param bundle  must outlive this
  /// @throws ConfigError  no item feature of the kind category or categories is called so: names the nearest, or the
  ///                      remedy where the bundle carries none
  ItemCategories(const model_file::Bundle& bundle, const std::string& feature);
  /// The code of a value; 0: no item has it.
  [[nodiscard]] std::int32_t code_of(std::string_view value) const { return values_.find(value) + 1; }
  /// The codes of an item; 0, unknown, may be among them. All else here leaves open how many an item has.
  [[nodiscard]] std::span<const std::int32_t> codes_of(ItemRow item) const {
    const auto row = static_cast<std::size_t>(item);
    if (offsets_.empty()) return std::span(codes_).subspan(row, 1);
    const auto begin = static_cast<std::size_t>(offsets_[row]);
    return std::span(codes_).subspan(begin, static_cast<std::size_t>(offsets_[row + 1]) - begin);
  }

 private:
  const features::Vocabulary& values_;
  std::vector<std::int32_t> codes_;    ///< [n_items + 1], or of several an item all of them
  std::vector<std::int64_t> offsets_;  ///< [n_items + 2]: where those of an item begin; empty: one an item
};

}  // namespace segue::recommend
