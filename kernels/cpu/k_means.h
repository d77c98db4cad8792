#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device.h"
#include "kernels/matrix_view.h"

namespace segue::kernels::cpu {

/// The nearest of `means` to each point, by Euclidean distance as int8 tells it: of means about as near, any may be
/// taken, but the same on every machine. Points and means are finite. Cost: a scan of the means' int8 form for every
/// 256 points. On CUDA the same; on others `n_threads` of the device.
std::vector<std::int32_t> nearest_means(MatrixView<const float> points, MatrixView<const float> means,
                                        const Device& device);

/// Lloyd's k-means from points drawn at random; a mean that loses all its points takes over half of the largest group.
/// The result depends on the seed, not on the device.
/// @param n_means  1 .. n_points
/// @returns [n_means, dim]
std::vector<float> k_means(MatrixView<const float> points, std::int64_t n_means, int n_iterations, std::uint64_t seed,
                           const Device& device);

}  // namespace segue::kernels::cpu
