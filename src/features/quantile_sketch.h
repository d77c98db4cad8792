#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace segue::features {

/// Quantiles of many numbers in bounded memory, independent of their order: exact while there are at most
/// `kMaxDistinct` different values; beyond that values are rounded to fewer mantissa bits, as few fewer as make them
/// fit.
class QuantileSketch {
 public:
  static constexpr std::size_t kMaxDistinct = 1U << 18;
  void add(double value);  ///< finite
  /// Upper bounds between n_buckets buckets of about equal counts: at most n_buckets - 1, rising strictly. A value
  /// belongs to the first bucket whose bound is not below it.
  [[nodiscard]] std::vector<double> bounds(std::int64_t n_buckets) const;

 private:
  std::unordered_map<std::int64_t, std::int64_t> counts_;  // ordered image of a double -> how often
  int dropped_bits_ = 0;
  [[nodiscard]] std::int64_t rounded(std::int64_t key) const;
};

}  // namespace segue::features
