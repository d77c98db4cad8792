#pragma once

#include <cstdint>
#include <span>

#include "collaborative/aligned_floats.h"
#include "collaborative/dense_kernels.h"
#include "support/ids.h"

namespace segue::collaborative {

/// One side's factors while the other side is solved: h_i in [n, dim], and alpha0 sum_i h_i h_i^T.
struct FixedSide {
  std::span<const float> factors;        ///< [n, dim]
  std::span<const float> weighted_gram;  ///< [dim, dim], all of it
};

/// sum_i f_i f_i^T times `weight`, [dim, dim]. Rows are cut into parts by their number alone, whose sums are added in
/// order: the same bits on any number of threads.
AlignedFloats weighted_gram(std::span<const float> factors, std::int64_t dim, double weight, int n_threads);

/// The least squares of one factor w given the fixed side and the rows S that it is observed with:
///     min over w of  sum over S of (1 - <w, h_i>)^2 + alpha0 sum over all i of <w, h_i>^2 + l2 |w|^2
/// by blocks of `block_dim` coordinates, each solved for exactly while the others stand (iALS++: Rendle, Krichene,
/// Zhang, Koren, iALS++: speeding up matrix factorization with subspace optimization, 2021). With block_dim >= dim that
/// is the minimum, and does not depend on where w was. Holds the scratch memory of one thread: one object a thread.
///
/// Cost: |S| dim block_dim + dim block_dim^2 / 3 floating-point operations in all blocks together, and |S| dim more for
/// each block beyond the first.
class FactorEquations {
 public:
  FactorEquations(std::int64_t dim, std::int64_t block_dim);
  /// Updates w [dim]; to 0 where nothing is observed. False where a block's equations are singular in float32; w is
  /// then undefined.
  bool solve(const FixedSide& fixed, std::span<const std::int32_t> observed, float l2, float* w);

 private:
  /// Copies the next rows side by side, as many as the scratch memory holds.
  std::int64_t gather(const FixedSide& fixed, std::span<const std::int32_t> observed);
  bool solve_block(const FixedSide& fixed, std::span<const std::int32_t> observed, float l2, std::int64_t first,
                   float* w);

  const DenseKernels& dense_ = dense_kernels();
  std::int64_t dim_, block_dim_;
  AlignedFloats gathered_;   ///< [kGathered, dim]
  AlignedFloats residuals_;  ///< [kGathered], 1 - <w, h>
  AlignedFloats matrix_;     ///< [block, block]
  AlignedFloats step_;       ///< [block]: the right-hand side, then the step
};

}  // namespace segue::collaborative
