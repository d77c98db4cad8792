#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/ivf_lists.cuh"
#include "kernels/cuda/nominators.cuh"
#include "kernels/ivf_items.h"

namespace segue::kernels::cuda {

inline constexpr int kIvfBuckets = 32;  ///< into which a query's share of a list is put

/// A scan of the lists that queries look into, in their int8 form: a list is read once for kVisitQueries queries.
struct IvfScan {
  Int8Items lists;
  const std::int64_t* first_blocks = nullptr;
  Visits visits;
  std::int64_t n_probes = 0;
  std::int64_t most_groups = 0;

  const std::int8_t* queries = nullptr;  ///< [n_queries, row_bytes] levels
  std::int64_t row_bytes = 0;            ///< a multiple of 32
  const QueryBound* bounds = nullptr;    ///< as nominate_queries() makes them for int8
  const std::uint32_t* allowed = nullptr;

  /// Every such panel of 16 items is read.
  std::int64_t panel_step = 1;
  std::int32_t* counts = nullptr;  ///< as in Scan
  std::int32_t* candidates = nullptr;
  std::int64_t capacity = 0;
  float* maxima = nullptr;  ///< [n_queries, n_probes * kIvfBuckets]; not nullptr: this
};

/// Shared memory of a block.
std::size_t ivf_scan_shared_bytes(std::int64_t row_bytes);

void ivf_scan(const IvfScan& scan, cudaStream_t stream);

}  // namespace segue::kernels::cuda
