#include "kernels/cpu/exclusions.h"

#include <algorithm>

namespace segue::kernels::cpu {

Exclusions::Exclusions(const ItemLists& lists, std::int64_t first, std::int64_t n_queries)
    : sorted_(static_cast<std::size_t>(n_queries)) {
  if (lists.offsets == nullptr) return;
  for (std::int64_t q = 0; q < n_queries; ++q) {
    auto& list = sorted_[static_cast<std::size_t>(q)];
    list.assign(lists.items + lists.offsets[first + q], lists.items + lists.offsets[first + q + 1]);
    std::sort(list.begin(), list.end());
  }
}

bool Exclusions::contains(std::int64_t query, std::int32_t item) const {
  const auto& list = sorted_[static_cast<std::size_t>(query)];
  return !list.empty() && std::binary_search(list.begin(), list.end(), item);
}

}  // namespace segue::kernels::cpu
