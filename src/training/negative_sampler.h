#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace segue::training {

/// Draws items with probability proportional to count^alpha (items that never occur count as 0, with replacement), by
/// Walker's alias method: two random numbers a draw, whatever the size of the catalogue.
class NegativeSampler {
 public:
  /// @throws std::invalid_argument  no item has a positive weight
  NegativeSampler(std::span<const std::int64_t> counts, double alpha);

  /// `n` draws, the same for the same (seed, step).
  [[nodiscard]] std::vector<std::int64_t> draw(std::int64_t n, std::uint64_t seed, std::uint64_t step) const;
  [[nodiscard]] double probability(std::int64_t item) const { return probabilities_[static_cast<std::size_t>(item)]; }
  [[nodiscard]] std::int64_t n_items() const { return static_cast<std::int64_t>(probabilities_.size()); }

 private:
  std::vector<double> probabilities_;  // of being drawn
  std::vector<double> keep_;           // share of a cell that belongs to its own item
  std::vector<std::int32_t> other_;    // the item of the rest
};

}  // namespace segue::training
