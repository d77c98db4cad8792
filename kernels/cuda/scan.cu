#include "kernels/cuda/scan.cuh"

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/scan_shared.cuh"

namespace segue::kernels::cuda {
namespace {

ScanKernel kernel_of(ScanForm form, DType nominators, std::int64_t block_queries, ScanFor what) {
  switch (nominators) {
    case DType::kBFloat16: return scan_kernel_of<DType::kBFloat16>(form, block_queries, what);
    case DType::kFloat16: return scan_kernel_of<DType::kFloat16>(form, block_queries, what);
    case DType::kInt8: return scan_kernel_of<DType::kInt8>(form, block_queries, what);
    case DType::kFloat32: break;
  }
  return scan_kernel_of<DType::kFloat32>(form, block_queries, what);
}

/// Lets a kernel have more than the 48 KB that any may have.
void allow_shared_memory(ScanKernel kernel, std::size_t n_bytes) {
  SEGUE_CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                        cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(n_bytes)));
}

}  // namespace

Scan scan_of(const ItemMatrix& items, ScanForm form, std::int64_t block_queries, std::int64_t n_queries,
             const void* rows, const QueryBound* bounds) {
  Scan scan;
  scan.nominators = items.cuda->nominators;
  scan.form = form;
  scan.block_queries = block_queries;
  scan.n_queries = n_queries;
  scan.queries = rows;
  scan.bounds = bounds;
  scan.items = static_cast<const char*>(items.cuda->rows);
  scan.n_items = items.cuda->n_items;
  scan.row_bytes = items.cuda->row_bytes;
  scan.scales = items.cuda->scales;
  scan.bias = items.bias;
  scan.tiles = items.cuda->tiles;
  scan.allowed = items.allowed;
  return scan;
}

std::int64_t scan_block_queries(std::int64_t n_queries, std::int64_t row_bytes, std::size_t shared_bytes) {
  std::int64_t chosen = 0;
  for (const std::int64_t block_queries : kScanQueries) {
    if (scan_shared_bytes(block_queries, row_bytes) > shared_bytes) break;
    chosen = block_queries;
    if (block_queries >= n_queries) break;
  }
  return chosen;
}

std::size_t scan_shared_bytes(std::int64_t block_queries, std::int64_t row_bytes) {
  return kStages * sizeof(ScanStage) + static_cast<std::size_t>(block_queries * scan_slices(row_bytes) * kSliceBytes) +
         sizeof(ScanShared) + static_cast<std::size_t>(block_queries) * sizeof(QueryBound);
}

std::int64_t scan_buckets_per_tile(ScanForm form, std::int64_t block_queries) {
  const bool wgmma = form == ScanForm::kWgmma && block_queries >= 128;
  return (wgmma ? 1 : kScanWarps / scan_query_warps(block_queries)) * 4;
}

std::int64_t scan_buckets(ScanForm form, std::int64_t block_queries, std::int64_t n_tiles, std::int64_t n_splits,
                          std::int64_t tiles_per_bucket) {
  const std::int64_t most_tiles = (n_tiles + n_splits - 1) / n_splits;  // of a block
  return (most_tiles + tiles_per_bucket - 1) / tiles_per_bucket * n_splits * scan_buckets_per_tile(form, block_queries);
}

int scan_blocks_per_processor(ScanForm form, DType nominators, std::int64_t block_queries, std::int64_t row_bytes) {
  const ScanKernel kernel = kernel_of(form, nominators, block_queries, ScanFor::kCandidates);
  const std::size_t shared_bytes = scan_shared_bytes(block_queries, row_bytes);
  allow_shared_memory(kernel, shared_bytes);
  int n_blocks = 0;
  SEGUE_CUDA_CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&n_blocks, reinterpret_cast<const void*>(kernel),
                                                                 kScanThreads, shared_bytes));
  return n_blocks;
}

void scan(const Scan& scan, cudaStream_t stream) {
  const ScanKernel kernel = kernel_of(scan.form, scan.nominators, scan.block_queries, scan.what);
  const std::size_t shared_bytes = scan_shared_bytes(scan.block_queries, scan.row_bytes);
  allow_shared_memory(kernel, shared_bytes);
  const dim3 grid(static_cast<unsigned>(scan.n_splits), static_cast<unsigned>(scan.n_query_blocks()));
  kernel<<<grid, kScanThreads, shared_bytes, stream>>>(scan);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
