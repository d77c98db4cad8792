#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace segue::features {

/// A sum of doubles that does not depend on their order: mantissas are added as integers, one 128-bit sum for each
/// exponent, and rounded only at the end. So what is fitted on the training part is the same whatever the partitions,
/// the threads and the other parts.
class ExactSum {
 public:
  ExactSum();
  ExactSum(const ExactSum& other);
  ExactSum& operator=(const ExactSum&) = delete;
  void add(long double value);  ///< finite
  [[nodiscard]] long double value() const;

 private:
  __extension__ typedef __int128 Wide;
  static constexpr int kExponents = 4400;  // of squares of doubles
  static constexpr int kOffset = 2200;
  std::unique_ptr<std::array<Wide, kExponents>> sums_;
};

}  // namespace segue::features
