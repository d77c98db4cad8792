#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda_items.h"
#include "kernels/matrix_view.h"

namespace segue::kernels::cuda {

/// What a scan compares scores of a query with. x' and q' are what tensor cores multiply; the error of q'.x' is at most
/// per_norm * |x| + per_error * |x - x'| + the slack of x's tile.
struct QueryBound {
  float threshold;  ///< items whose score is this at least are wanted; +inf behind the last query
  float per_norm;
  float per_error;
  float scale;  ///< of int8 nominators: q' = scale * levels
};

inline constexpr float kNoBound = 1.152921504606846976e18F;  ///< 2^60: norms above could overflow a score

/// Of the largest partial sum, what the sum of a score by tensor cores and by the definition may lose together.
float rounding_unit(std::int64_t dim);

/// Rounds `queries` to nominators, [n_padded, row_bytes] with zeros behind queries and dimensions, and makes their
/// bounds, [n_padded].
/// @param exact  the items are int8 themselves: int8 levels are the definition, and there is no error
void nominate_queries(MatrixView<const float> queries, std::int64_t n_padded, DType nominators, bool exact,
                      std::int64_t row_bytes, void* rows, QueryBound* bounds, cudaStream_t stream);

/// Rounds items to nominators and makes the bounds of their tiles, into the memory that `made` points to.
/// @param copies  write made.rows; else they are the items themselves
void nominate_items(const ItemMatrix& items, const CudaItems& made, bool copies, cudaStream_t stream);

}  // namespace segue::kernels::cuda
