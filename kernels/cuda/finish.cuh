#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/nominators.cuh"
#include "kernels/cuda/sample_rank.h"
#include "kernels/cuda/workspace_layout.h"
#include "kernels/top_k.h"

namespace segue::kernels::cuda {

/// For each query what the sample_rank()-th best of its maxima reaches and the next does not, of so many items as it
/// has excluded more: thresholds, [n], as it is, and in bounds less what the scan's arithmetic may round off. -inf
/// where there are not so many. Counts, [n], become 0.
void choose_thresholds(MatrixView<const float> maxima, const ItemLists& excluded, std::int64_t k, std::int64_t step,
                       float* thresholds, QueryBound* bounds, std::int32_t* counts, cudaStream_t stream);

/// What a scan left of a batch of queries.
struct Candidates {
  /// [n_queries]; items that are no candidates score less. nullptr: nothing is said of them, and lists are of
  /// candidates
  const float* thresholds = nullptr;
  const std::int32_t* counts = nullptr;  ///< [n_queries]
  const std::int32_t* items = nullptr;   ///< [n_queries, capacity]
  std::int64_t capacity = 0;             ///< a power of two
  const void* levels = nullptr;          ///< for int8 items: [., row_bytes] levels of the queries
  std::int64_t row_bytes = 0;
  const QueryBound* bounds = nullptr;  ///< their scales
};

/// What every search by nominators keeps of a batch of queries in the workspace.
struct Nomination {
  Nomination(std::int64_t n_queries, std::int64_t n_padded, std::int64_t bytes_of_row, std::int64_t of_capacity,
             WorkspaceLayout& layout)
      : rows(layout.take<char>(n_padded * bytes_of_row)),
        bounds(layout.take<QueryBound>(n_padded)),
        thresholds(layout.take<float>(n_queries)),
        counts(layout.take<std::int32_t>(n_queries)),
        unfinished(layout.take<std::int32_t>(n_queries)),
        items(layout.take<std::int32_t>(n_queries * of_capacity)),
        row_bytes(bytes_of_row),
        capacity(of_capacity) {}

  /// @param certain  items that are no candidates score less than the thresholds
  [[nodiscard]] Candidates candidates(bool certain) const {
    return {certain ? thresholds : nullptr, counts, items, capacity, rows, row_bytes, bounds};
  }

  char* rows;            ///< [n_padded, row_bytes] nominators of the queries
  QueryBound* bounds;    ///< [n_padded]
  float* thresholds;     ///< [n_queries]
  std::int32_t* counts;  ///< [n_queries] candidates
  std::int32_t* unfinished;
  std::int32_t* items;  ///< [n_queries, capacity] candidates
  std::int64_t row_bytes, capacity;
};

/// Shared memory of a block of finish(). ptxas may read 16 bytes of a query where a lane needs 4.
std::size_t finish_shared_bytes(std::int64_t capacity, std::int64_t dim);

/// Scores the candidates by the definition and writes the best k of each query.
/// @param unfinished  [n_queries] becomes 1 where that is not certain: more candidates than there was room for, or
/// fewer
///                    than k of them reach the threshold; the query's list is not written then, else it becomes 0
void finish(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
            const Candidates& candidates, std::int64_t k, MatrixView<float> scores, MatrixView<std::int32_t> rows,
            std::int32_t* unfinished, cudaStream_t stream);

}  // namespace segue::kernels::cuda
