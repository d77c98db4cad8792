#include "training/negative_sampler.h"

#include <cmath>
#include <stdexcept>

#include "support/random.h"

namespace segue::training {

NegativeSampler::NegativeSampler(std::span<const std::int64_t> counts, double alpha)
    : probabilities_(counts.size()), keep_(counts.size()), other_(counts.size()) {
  double total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    probabilities_[i] = counts[i] > 0 ? std::pow(static_cast<double>(counts[i]), alpha) : 0.0;
    total += probabilities_[i];
  }
  if (!(total > 0)) throw std::invalid_argument("NegativeSampler: no item occurs in the training part");
  std::vector<std::size_t> poor, rich;
  const auto n = static_cast<double>(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    probabilities_[i] /= total;
    keep_[i] = probabilities_[i] * n;
    other_[i] = static_cast<std::int32_t>(i);
    (keep_[i] < 1 ? poor : rich).push_back(i);
  }
  while (!poor.empty() && !rich.empty()) {
    const std::size_t low = poor.back(), high = rich.back();
    poor.pop_back();
    other_[low] = static_cast<std::int32_t>(high);
    keep_[high] -= 1 - keep_[low];
    if (keep_[high] < 1) {
      rich.pop_back();
      poor.push_back(high);
    }
  }
  // What is left differs from 1 by rounding alone.
  for (const std::size_t i : poor)
    if (probabilities_[i] > 0) keep_[i] = 1;
  for (const std::size_t i : rich) keep_[i] = 1;
}

std::vector<std::int64_t> NegativeSampler::draw(std::int64_t n, std::uint64_t seed, std::uint64_t step) const {
  Random random(seed, step);
  std::vector<std::int64_t> items(static_cast<std::size_t>(n));
  for (auto& item : items) {
    const std::size_t cell = random.below(keep_.size());
    item = random.uniform() < keep_[cell] ? static_cast<std::int64_t>(cell) : other_[cell];
  }
  return items;
}

}  // namespace segue::training
