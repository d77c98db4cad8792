#pragma once

#include <cstdint>
#include <vector>

#include "kernels/top_k.h"

namespace segue::kernels::cpu {

/// The items that each query of a group must not get.
class Exclusions {
 public:
  /// Of the queries [first, first + n_queries).
  Exclusions(const ItemLists& lists, std::int64_t first, std::int64_t n_queries);
  [[nodiscard]] bool contains(std::int64_t query, std::int32_t item) const;

 private:
  std::vector<std::vector<std::int32_t>> sorted_;
};

}  // namespace segue::kernels::cpu
