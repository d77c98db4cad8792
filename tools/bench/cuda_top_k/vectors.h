#pragma once

#include <cstdint>
#include <vector>

namespace segue::bench {

/// Independent Gaussian elements out of a table of 65,536 quantiles: a fraction of the time of a true generator, and
/// alike. The same for the same seed on every machine.
std::vector<float> gaussian(std::int64_t n_rows, std::int64_t dim, std::uint64_t seed);

/// The scores of all items for one query, [n_items], summed in float64.
/// @param items  [n_items, dim] as float32: what the device was given, widened
std::vector<double> exact_scores(const float* query, const std::vector<float>& items, std::int64_t dim);

/// Whether `rows` are the best k of all items by `scores`, but for items within rounding of the last one.
bool are_best(const std::vector<double>& scores, const std::int32_t* rows, std::int64_t k);

}  // namespace segue::bench
