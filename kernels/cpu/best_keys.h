#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/sortable_key.h"

namespace segue::kernels::cpu {

/// Keeps the best k of the keys it is given. A small k: in order, so that the threshold is always that of the k-th
/// best. Else a buffer of twice as many, cut back to k when full, so that a key costs a constant on average whatever
/// the order of arrival. Rows must arrive rising, so that a score equal to the threshold loses.
class BestKeys {
 public:
  explicit BestKeys(std::int64_t k) : k_(static_cast<std::size_t>(k)) {}
  void clear() {
    keys_.clear();
    threshold_ = kMaskedScore;
  }
  /// Only scores above this one can still enter.
  [[nodiscard]] float threshold() const { return threshold_; }
  void add(SortableKey key);
  /// Adds keys of any rows; threshold() means nothing before the next cut().
  void merge(const BestKeys& other);
  /// Cuts back to k now, so that threshold() is the score of the k-th best key so far, where there are k.
  void cut();
  [[nodiscard]] const std::vector<SortableKey>& keys() const { return keys_; }
  /// Sorts, best first, cuts to k and writes k slots, the last ones empty where keys are missing.
  void write(float* scores, std::int32_t* rows);

 private:
  void insert(SortableKey key);  ///< where k is small
  [[nodiscard]] bool in_order() const;
  std::size_t k_;
  float threshold_ = kMaskedScore;
  std::vector<SortableKey> keys_;
};

}  // namespace segue::kernels::cpu
