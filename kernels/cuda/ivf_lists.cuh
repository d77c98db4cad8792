#pragma once

#include <cuda_runtime.h>

#include "kernels/ivf_items.h"

namespace segue::kernels::cuda {

/// Queries in the form that lists' promises are made with, [n_queries, row_bytes] levels of all values and, with_norm,
/// of the norm behind them.
struct PromiseQueries {
  bool with_norm = true;
  std::int8_t* levels = nullptr;
  std::int64_t row_bytes = 0;    ///< a multiple of 4; zeros behind the last value
  float* steps = nullptr;        ///< [n_queries]; NaN for a query whose norm is not finite, which finds nothing
  float* corrections = nullptr;  ///< [n_queries] 128 times the sum of the levels
};

/// Makes PromiseQueries and the promises of all lists, [n_queries, n_lists]: the bits of the reference.
void promise(MatrixView<const float> queries, const IvfItems& ivf, const PromiseQueries& made,
             MatrixView<float> promises, cudaStream_t stream);

/// The mean that promises most to each point, without its norm: [n_points], 0 where none can be told.
void nearest_means(MatrixView<const float> points, const Int8Items& means, const PromiseQueries& made,
                   std::int32_t* nearest, cudaStream_t stream);

inline constexpr int kVisitQueries = 16;  ///< queries that a block takes to a list

/// Which queries look into which list. All arrays are of the workspace.
struct Visits {
  std::int32_t* counts = nullptr;  ///< [n_lists]
  std::int32_t* begins = nullptr;  ///< [n_lists + 1] of the list's visits
  std::int32_t* groups = nullptr;  ///< [n_lists + 1] of the list's groups of kVisitQueries visits
  std::int32_t* visits = nullptr;  ///< [n_queries * n_probes] query * n_probes + rank of the probe
  std::int64_t n_lists = 0;
  /// Groups there are at most.
  static std::int64_t most_groups(std::int64_t n_queries, std::int64_t n_probes, std::int64_t n_lists) {
    const std::int64_t n_visits = n_queries * n_probes;
    return n_visits / kVisitQueries + (n_visits < n_lists ? n_visits : n_lists);
  }
};

/// Groups probes by list, so that a list is read once for kVisitQueries queries.
/// @param probes  [n_queries, n_probes] lists; kNoItemRow: none
void group_visits(MatrixView<const std::int32_t> probes, const Visits& visits, cudaStream_t stream);

}  // namespace segue::kernels::cuda
