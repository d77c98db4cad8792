#include "features/quantile_sketch.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace segue::features {
namespace {

/// An integer that orders as the double does; its own inverse on the bits.
std::int64_t mirror(std::int64_t bits) { return bits < 0 ? bits ^ INT64_MAX : bits; }
std::int64_t to_key(double value) { return mirror(std::bit_cast<std::int64_t>(value == 0 ? 0.0 : value)); }
double from_key(std::int64_t key) { return std::bit_cast<double>(mirror(key)); }

}  // namespace

std::int64_t QuantileSketch::rounded(std::int64_t key) const {
  return (key >> dropped_bits_) * (std::int64_t{1} << dropped_bits_);
}

void QuantileSketch::add(double value) {
  ++counts_[rounded(to_key(value))];
  if (counts_.size() <= kMaxDistinct) return;
  std::vector<std::int64_t> keys;
  keys.reserve(counts_.size());
  for (const auto& [key, n] : counts_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  while (keys.size() > kMaxDistinct) {
    ++dropped_bits_;
    for (auto& key : keys) key = rounded(key);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  }
  std::unordered_map<std::int64_t, std::int64_t> coarser;
  coarser.reserve(kMaxDistinct);
  for (const auto& [key, n] : counts_) coarser[rounded(key)] += n;
  counts_ = std::move(coarser);
}

std::vector<double> QuantileSketch::bounds(std::int64_t n_buckets) const {
  std::vector<std::pair<std::int64_t, std::int64_t>> sorted(counts_.begin(), counts_.end());
  std::sort(sorted.begin(), sorted.end());
  std::int64_t total = 0;
  for (const auto& [key, n] : sorted) total += n;
  std::vector<double> bounds;
  std::int64_t below = 0, bucket = 1;
  for (std::size_t i = 0; i + 1 < sorted.size() && bucket < n_buckets; ++i) {
    below += sorted[i].second;
    if (below * n_buckets < bucket * total) continue;
    bounds.push_back(from_key(sorted[i].first));
    bucket = below * n_buckets / total + 1;
  }
  return bounds;
}

}  // namespace segue::features
