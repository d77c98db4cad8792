#pragma once

#include <cstdint>
#include <vector>

#include "kernels/int8_items.h"
#include "kernels/top_k.h"
#include "recommend/bundle_model.h"
#include "recommend/lists.h"

namespace segue::recommend {

/// The other items that are most like each item of a bundle.
///
/// Where items have vectors, by the cosine of the vectors that lists are ranked by: the exact top-k, equal scores by
/// lower row. Where a filter has weights between items instead, by what an item in a history adds to the score of
/// another; positive weights alone, so a list may be shorter.
class SimilarItems {
 public:
  static bool are_known_to(const BundleModel& model) {
    return model.has_vectors() || (model.model.filter && model.model.filter->neighbours() != nullptr);
  }
  /// @param model  known to have some; must outlive this
  /// @param k      items of a list at most
  SimilarItems(const BundleModel& model, std::int64_t k, int n_threads);
  /// Lists of the items [first, first + n). Memory: two copies of the vectors are kept, and n lists; no n x n_items.
  /// The bits do not depend on threads or on how the items are cut into ranges.
  [[nodiscard]] Lists of(std::int32_t first, std::int32_t n) const;

 private:
  [[nodiscard]] Lists by_vectors(std::int32_t first, std::int32_t n) const;
  [[nodiscard]] Lists by_weights(std::int32_t first, std::int32_t n) const;
  const BundleModel& model_;
  std::int64_t k_;
  int n_threads_;
  std::vector<float> unit_;       ///< [n_items, dim] of length 1; empty where there are no vectors
  kernels::Int8ItemArrays int8_;  ///< of them, where there are many
};

}  // namespace segue::recommend
