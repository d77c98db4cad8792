#pragma once

// The fused form of top_k() on CUDA, for kernels/cuda/top_k.cc and for tests. No CUDA header is needed to read this.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernels/cuda/device_facts.h"
#include "kernels/cuda_items.h"

namespace segue::kernels::cuda {

/// How a batch of queries is searched. Any plan gives the same lists; plans differ in speed, and in how many queries
/// are finished by the plain form.
struct FusedPlan {
  DType nominators = DType::kFloat32;
  bool wgmma = false;  ///< Hopper's instructions
  std::int64_t n_queries = 0;
  std::int64_t k = 0;
  std::int64_t row_bytes = 0;
  std::int64_t block_queries = 0;  ///< that a block of the scan holds
  std::int64_t n_splits = 0;       ///< blocks that share the items of one group of queries
  std::int64_t sample_step = 0;    ///< every such item is in the sample
  std::int64_t n_sample_tiles = 0, n_sample_splits = 0;
  int tiles_per_bucket = 1;  ///< of the sample
  std::int64_t n_buckets = 0;
  std::int64_t capacity = 0;  ///< of candidates a query

  [[nodiscard]] std::int64_t n_padded() const {
    return (n_queries + block_queries - 1) / block_queries * block_queries;
  }
  [[nodiscard]] std::size_t workspace_bytes() const;
};

/// The plan for these extents; none where the fused form does not serve: few items, long lists, rows that fill the
/// shared memory.
std::optional<FusedPlan> plan_fused(std::int64_t n_queries, const CudaItems& items, std::int64_t k,
                                    const DeviceFacts& facts);

/// top_k() by a plan, in a workspace of plan.workspace_bytes() that begins on 256 bytes. Nothing is allocated and
/// nothing waits: all work is enqueued on the stream, queries that the plain form has to finish included.
/// @param unfinished  receives, where not nullptr, a pointer to [n_queries] in the workspace: 1 for those
void fused_top_k(const FusedPlan& plan, MatrixView<const float> queries, const ItemMatrix& items,
                 const ItemLists& excluded, MatrixView<float> scores, MatrixView<std::int32_t> rows, void* workspace,
                 void* stream, const std::int32_t** unfinished = nullptr);

}  // namespace segue::kernels::cuda
