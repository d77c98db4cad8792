#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/nominators.cuh"

namespace segue::kernels::cuda {

/// What is wanted of the scores.
enum class ScanFor {
  kCandidates,  ///< the rows whose score may reach the query's threshold
  kMaxima,      ///< the best score of each bucket of a sample
  kBest,        ///< the best score of each bucket of all items, and its row
};

/// By which instructions.
enum class ScanForm {
  kMma,    ///< sm_80 and later; a block holds 16, 64 or 128 queries
  kWgmma,  ///< sm_90a; a block holds 128 or 256 queries, or few, and then goes by mma
};

/// A scan of items by tensor cores: scores are made and looked at in registers, and never written.
///
/// A block keeps block_queries of the queries in shared memory and lets tiles of kCudaTileItems items pass: those at
/// block, block + n_splits, ... of the rows first_row + i * row_step; for kBest of rows n_tiles apart.
struct Scan {
  ScanFor what = ScanFor::kCandidates;
  ScanForm form = ScanForm::kMma;
  DType nominators = DType::kFloat32;
  std::int64_t block_queries = 0;  ///< one of scan_block_queries()
  std::int64_t n_queries = 0;
  const void* queries = nullptr;       ///< [n_queries up to a multiple of block_queries, row_bytes]
  const QueryBound* bounds = nullptr;  ///< of as many

  const char* items = nullptr;
  std::int64_t n_items = 0;
  std::int64_t row_bytes = 0;  ///< of queries and items
  const float* scales = nullptr;
  const float* bias = nullptr;
  const CudaTile* tiles = nullptr;
  float unit = 0;  ///< of a threshold may be lost to rounding by the scan
  const std::uint32_t* allowed = nullptr;
  std::int64_t first_row = 0, row_step = 1;
  std::int64_t n_rows = 0;    ///< there are so many such rows; scan() counts them
  std::int64_t n_tiles = 0;   ///< of kCudaTileItems of them
  std::int64_t n_splits = 0;  ///< blocks that share the tiles of a group of queries

  // kCandidates
  std::int32_t* counts = nullptr;      ///< [n_queries], counted on even beyond the capacity
  std::int32_t* candidates = nullptr;  ///< [n_queries, capacity], in any order
  std::int64_t capacity = 0;
  // kMaxima and kBest
  float* maxima = nullptr;  ///< [n_queries, n_buckets], -inf where a bucket has no item
  std::int64_t n_buckets = 0;
  int tiles_per_bucket = 0;
  std::int32_t* best_rows = nullptr;  ///< kBest: [n_queries, n_buckets]
  std::int64_t tile_multiplier = 1;   ///< kBest: no divisor in common with n_tiles; takes neighbouring tiles apart

  [[nodiscard]] std::int64_t n_query_blocks() const { return (n_queries + block_queries - 1) / block_queries; }
};

/// A scan of items.cuda, of which only what is wanted is still to be said.
Scan scan_of(const ItemMatrix& items, ScanForm form, std::int64_t block_queries, std::int64_t n_queries,
             const void* rows, const QueryBound* bounds);

/// The queries that a block should hold for so many, by what shared memory has room for; 0: not even the fewest.
std::int64_t scan_block_queries(ScanForm form, std::int64_t n_queries, std::int64_t row_bytes,
                                std::size_t shared_bytes);

/// Shared memory of a block.
std::size_t scan_shared_bytes(ScanForm form, std::int64_t block_queries, std::int64_t row_bytes);
/// Buckets into which a block puts each of its tiles.
std::int64_t scan_buckets_per_tile(ScanForm form, std::int64_t block_queries);
/// Buckets of a query, of all splits.
std::int64_t scan_buckets(ScanForm form, std::int64_t block_queries, std::int64_t n_tiles, std::int64_t n_splits,
                          std::int64_t tiles_per_bucket);
/// Blocks of a scan that one multiprocessor of the current device runs at a time.
int scan_blocks_per_processor(ScanForm form, DType nominators, std::int64_t block_queries, std::int64_t row_bytes);

void scan(const Scan& scan, cudaStream_t stream);

}  // namespace segue::kernels::cuda
