#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace segue::training {

/// How often an item comes, learned from the stream of targets alone (Yi et al. 2019, with examples for steps): each of
/// several hash tables keeps the example A at which a bucket was last met and a running mean B of the gaps,
///
///   B += rate (t - A - B),  A = t,   p = 1 / max over the tables of B
///
/// the longest mean gap being the one least spoiled by items of the same bucket. Memory does not grow with the
/// catalogue.
class FrequencyEstimator {
 public:
  /// @param rate  in (0, 1]: the share of a new gap
  FrequencyEstimator(int n_hashes, std::int64_t n_buckets, double rate);
  /// One example after the other.
  void observe(std::span<const std::int64_t> items);
  /// Of being the next example; of an item never met, one in the examples so far.
  [[nodiscard]] double probability(std::int64_t item) const;
  /// The tensors themselves, by name: all that a resumed run needs.
  [[nodiscard]] std::map<std::string, at::Tensor> state() const {
    return {{"last_met", last_met_}, {"mean_gap", mean_gap_}, {"n_examples", n_examples_}};
  }

 private:
  [[nodiscard]] std::int64_t bucket(int hash, std::int64_t item) const;
  int n_hashes_;
  std::int64_t n_buckets_;
  double rate_;
  at::Tensor last_met_;    // [n_hashes, n_buckets] int64, 0: never
  at::Tensor mean_gap_;    // [n_hashes, n_buckets] float32
  at::Tensor n_examples_;  // [1] int64
};

}  // namespace segue::training
