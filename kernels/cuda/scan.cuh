#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/nominators.cuh"

namespace segue::kernels::cuda {

inline constexpr std::int64_t kScanQueries[] = {16, 64, 128, 256};  ///< queries that a block can hold

/// A scan of items by tensor cores: scores are made and looked at in registers, and never written.
///
/// A block keeps kScanQueries of the queries in shared memory and lets tiles of kCudaTileItems items pass: those at
/// block, block + n_splits, ... of the rows first_row + i * row_step.
struct Scan {
  DType nominators = DType::kFloat32;
  std::int64_t block_queries = 0;  ///< one of kScanQueries
  std::int64_t n_queries = 0;
  const void* queries = nullptr;       ///< [n_queries up to a multiple of block_queries, row_bytes]
  const QueryBound* bounds = nullptr;  ///< of as many

  const char* items = nullptr;
  std::int64_t n_items = 0;
  std::int64_t row_bytes = 0;  ///< of queries and items
  const float* scales = nullptr;
  const float* bias = nullptr;
  const CudaTile* tiles = nullptr;
  const std::uint32_t* allowed = nullptr;
  std::int64_t first_row = 0, row_step = 1;
  std::int64_t n_tiles = 0;   ///< of kCudaTileItems such rows
  std::int64_t n_splits = 0;  ///< blocks that share the tiles of a group of queries

  // What is wanted of them: the rows whose score may reach the query's threshold,
  std::int32_t* counts = nullptr;      ///< [n_queries], counted on even beyond the capacity
  std::int32_t* candidates = nullptr;  ///< [n_queries, capacity], in any order
  std::int64_t capacity = 0;
  // or the best score of each of many buckets of items, -inf where a bucket has none.
  float* maxima = nullptr;  ///< [n_queries, n_buckets]; not nullptr: this
  std::int64_t n_buckets = 0;
  int tiles_per_bucket = 0;

  [[nodiscard]] std::int64_t n_query_blocks() const { return (n_queries + block_queries - 1) / block_queries; }
};

/// Shared memory of a block.
std::size_t scan_shared_bytes(std::int64_t block_queries, std::int64_t row_bytes);
/// Buckets into which a block puts each of its tiles.
std::int64_t scan_buckets_per_tile(std::int64_t block_queries);
/// Buckets of a query, of all splits.
std::int64_t scan_buckets(std::int64_t block_queries, std::int64_t n_tiles, std::int64_t n_splits,
                          std::int64_t tiles_per_bucket);
/// Blocks of a scan that one multiprocessor of the current device runs at a time.
int scan_blocks_per_processor(DType nominators, std::int64_t block_queries, std::int64_t row_bytes);

void scan(const Scan& scan, cudaStream_t stream);

}  // namespace segue::kernels::cuda
