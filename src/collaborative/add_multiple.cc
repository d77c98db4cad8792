#include "collaborative/add_multiple.h"

#include "support/instruction_sets.h"

namespace segue::collaborative {
namespace {

SEGUE_CLONES void add(const float* __restrict__ row, float factor, std::size_t n, float* __restrict__ sums) {
  for (std::size_t j = 0; j < n; ++j) sums[j] += factor * row[j];
}

}  // namespace

void add_multiple(std::span<const float> row, float factor, std::span<float> sums) {
  add(row.data(), factor, row.size(), sums.data());
}

}  // namespace segue::collaborative
