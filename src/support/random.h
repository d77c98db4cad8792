#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace segue {

/// A small deterministic generator (SplitMix64 seeding xoshiro256**), the same on every platform and standard library.
/// Derive independent streams by `Random(seed, stream)`; never share one between threads.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0);
  std::uint64_t next();                  ///< 64 uniform bits
  double uniform();                      ///< in [0, 1), 53 bits
  std::uint64_t below(std::uint64_t n);  ///< in [0, n), unbiased; n >= 1
  double normal();                       ///< standard normal (Box-Muller, one value a call)
  template <class T>
  void shuffle(std::vector<T>& values) {  ///< Fisher-Yates
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::uint64_t state_[4];
};

}  // namespace segue
