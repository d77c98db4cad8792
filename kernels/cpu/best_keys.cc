#include "kernels/cpu/best_keys.h"

#include <algorithm>
#include <functional>

namespace segue::kernels::cpu {
namespace {

constexpr std::size_t kLeastBuffer = 64;  ///< a small k would cut too often

}  // namespace

void BestKeys::add(SortableKey key) {
  if (key == kEmptyKey) return;
  keys_.push_back(key);
  if (keys_.size() >= std::max(2 * k_, kLeastBuffer)) cut();
}

void BestKeys::cut() {
  if (keys_.size() < k_) return;
  const auto kth = keys_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
  std::nth_element(keys_.begin(), kth, keys_.end(), std::greater<>());
  threshold_ = score_of(*kth);
  keys_.resize(k_);
}

void BestKeys::cut_when_small() {
  constexpr std::size_t kSmall = 16;
  if (k_ < kSmall && keys_.size() > k_) cut();
}

void BestKeys::merge(const BestKeys& other) { keys_.insert(keys_.end(), other.keys_.begin(), other.keys_.end()); }

void BestKeys::write(float* scores, std::int32_t* rows) {
  cut();
  std::sort(keys_.begin(), keys_.end(), std::greater<>());
  std::transform(keys_.begin(), keys_.end(), scores, score_of);
  std::transform(keys_.begin(), keys_.end(), rows, row_of);
  std::fill(scores + keys_.size(), scores + k_, kMaskedScore);
  std::fill(rows + keys_.size(), rows + k_, kNoItemRow);
}

}  // namespace segue::kernels::cpu
