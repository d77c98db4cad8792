#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "support/ids.h"

namespace segue::collaborative {

/// Feature vectors of items, divided by their lengths. Sparse part: one term for each pair of a categorical feature
/// and a code but 0 (unknown), of weight ln(n_items / items that have it) in the items that have it; an item may have
/// any number of terms. Dense part: the numbers, as they are (standardised, missing = 0).
class ItemTerms {
 public:
  /// @param features  codes or values of each item, [n_items] or longer (the unknown item's row is not read)
  ItemTerms(std::span<const MappedFeature> features, std::int32_t n_items);

  struct Term {
    std::int32_t term = 0;
    float weight = 0;
  };
  struct Posting {
    ItemRow item = 0;
    float weight = 0;
  };
  [[nodiscard]] std::int32_t n_items() const { return n_items_; }
  [[nodiscard]] std::span<const Term> terms_of(ItemRow item) const;            ///< of weight above 0
  [[nodiscard]] std::span<const Posting> items_with(std::int32_t term) const;  ///< rising
  [[nodiscard]] std::size_t n_numbers() const { return numbers_.size(); }
  [[nodiscard]] std::span<const float> numbers(std::size_t number) const { return numbers_[number]; }  ///< [n_items]

 private:
  void normalize();
  std::int32_t n_items_;
  std::vector<std::size_t> item_offsets_, term_offsets_;
  std::vector<Term> terms_;
  std::vector<Posting> postings_;
  std::vector<std::vector<float>> numbers_;
};

}  // namespace segue::collaborative
