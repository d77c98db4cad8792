#include "features/exact_sum.h"

#include <algorithm>
#include <cmath>

namespace segue::features {

ExactSum::ExactSum() : sums_(std::make_unique<std::array<Wide, kExponents>>()) { sums_->fill(0); }
ExactSum::ExactSum(const ExactSum& other) : sums_(std::make_unique<std::array<Wide, kExponents>>(*other.sums_)) {}

void ExactSum::add(long double value) {
  int exponent = 0;
  const long double mantissa = std::frexp(value, &exponent);  // in (-1, 1), 64 bits at most
  (*sums_)[static_cast<std::size_t>(std::clamp(exponent + kOffset, 0, kExponents - 1))] +=
      static_cast<Wide>(std::ldexp(mantissa, 64));
}

long double ExactSum::value() const {
  long double total = 0;
  for (int i = 0; i < kExponents; ++i) {
    const Wide sum = (*sums_)[static_cast<std::size_t>(i)];
    if (sum != 0) total += std::ldexp(static_cast<long double>(sum), i - kOffset - 64);
  }
  return total;
}

}  // namespace segue::features
