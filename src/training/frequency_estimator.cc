#include "training/frequency_estimator.h"

#include <algorithm>
#include <stdexcept>

#include "support/random.h"

namespace segue::training {

FrequencyEstimator::FrequencyEstimator(int n_hashes, std::int64_t n_buckets, double rate)
    : n_hashes_(n_hashes),
      n_buckets_(n_buckets),
      rate_(rate),
      last_met_(at::zeros({n_hashes, n_buckets}, at::kLong)),
      mean_gap_(at::zeros({n_hashes, n_buckets}, at::kFloat)),
      n_examples_(at::zeros({1}, at::kLong)) {
  if (n_hashes < 1 || n_buckets < 1 || !(rate > 0 && rate <= 1))
    throw std::invalid_argument("FrequencyEstimator: needs hashes, buckets and a rate in (0, 1]");
}

std::int64_t FrequencyEstimator::bucket(int hash, std::int64_t item) const {
  const std::uint64_t bits = Random(static_cast<std::uint64_t>(item), static_cast<std::uint64_t>(hash)).next();
  return hash * n_buckets_ + static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(n_buckets_));
}

void FrequencyEstimator::observe(std::span<const std::int64_t> items) {
  auto* const last_met = last_met_.mutable_data_ptr<std::int64_t>();
  auto* const mean_gap = mean_gap_.mutable_data_ptr<float>();
  std::int64_t& t = *n_examples_.mutable_data_ptr<std::int64_t>();
  for (const std::int64_t item : items) {
    ++t;
    for (int hash = 0; hash < n_hashes_; ++hash) {
      const std::int64_t at = bucket(hash, item);
      const auto gap = static_cast<float>(t - last_met[at]);
      // The first gap counts in full: there is no mean yet.
      const float share = last_met[at] == 0 ? 1.0F : static_cast<float>(rate_);
      mean_gap[at] += share * (gap - mean_gap[at]);
      last_met[at] = t;
    }
  }
}

double FrequencyEstimator::probability(std::int64_t item) const {
  const auto* const mean_gap = mean_gap_.const_data_ptr<float>();
  const auto t = static_cast<double>(*n_examples_.const_data_ptr<std::int64_t>());
  double longest = 0;
  for (int hash = 0; hash < n_hashes_; ++hash) {
    const auto gap = static_cast<double>(mean_gap[bucket(hash, item)]);
    if (gap == 0) return 1 / (t + 1);
    longest = std::max(longest, gap);
  }
  return 1 / longest;
}

}  // namespace segue::training
