#include "kernels/cpu/best_keys.h"

#include <algorithm>
#include <functional>

namespace segue::kernels::cpu {
namespace {

constexpr std::size_t kSmall = 16;  ///< up to here, moving keys costs less than what a late threshold lets in
constexpr std::size_t kLeastBuffer = 64;

}  // namespace

bool BestKeys::in_order() const { return k_ <= kSmall; }

void BestKeys::insert(SortableKey key) {
  if (keys_.size() == k_) {
    if (key <= keys_.back()) return;
    keys_.pop_back();
  }
  keys_.insert(std::upper_bound(keys_.begin(), keys_.end(), key, std::greater<>()), key);
  if (keys_.size() == k_) threshold_ = score_of(keys_.back());
}

void BestKeys::add(SortableKey key) {
  if (key == kEmptyKey) return;
  if (in_order()) return insert(key);
  keys_.push_back(key);
  if (keys_.size() >= std::max(2 * k_, kLeastBuffer)) cut();
}

void BestKeys::cut() {
  if (in_order() || keys_.size() < k_) return;
  const auto kth = keys_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
  std::nth_element(keys_.begin(), kth, keys_.end(), std::greater<>());
  threshold_ = score_of(*kth);
  keys_.resize(k_);
}

void BestKeys::merge(const BestKeys& other) {
  if (!in_order()) {
    keys_.insert(keys_.end(), other.keys_.begin(), other.keys_.end());
    return;
  }
  for (const SortableKey key : other.keys_) insert(key);
}

void BestKeys::write(float* scores, std::int32_t* rows) {
  cut();
  std::sort(keys_.begin(), keys_.end(), std::greater<>());
  std::transform(keys_.begin(), keys_.end(), scores, score_of);
  std::transform(keys_.begin(), keys_.end(), rows, row_of);
  std::fill(scores + keys_.size(), scores + k_, kMaskedScore);
  std::fill(rows + keys_.size(), rows + k_, kNoItemRow);
}

}  // namespace segue::kernels::cpu
