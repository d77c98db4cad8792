#pragma once

#include <span>

namespace segue::collaborative {

/// sums[j] += factor * row[j], rounded after each of the two operations: the same bits on every machine.
void add_multiple(std::span<const float> row, float factor, std::span<float> sums);

}  // namespace segue::collaborative
