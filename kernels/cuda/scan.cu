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
  scan.unit = rounding_unit(items.cuda->dim);
  scan.allowed = items.allowed;
  return scan;
}

std::int64_t scan_block_queries(ScanForm form, std::int64_t n_queries, std::int64_t row_bytes,
                                std::size_t shared_bytes) {
  constexpr std::int64_t kSizes[] = {16, 64, 128, 256};
  constexpr std::size_t kReserved = 1024;  // of a block, by CUDA
  std::int64_t chosen = 0;
  for (const std::int64_t block_queries : kSizes) {
    const bool by_mma = form == ScanForm::kMma;
    if (by_mma && block_queries > 128) break;
    const std::size_t n_bytes = scan_shared_bytes(form, block_queries, row_bytes);
    if (n_bytes > shared_bytes) break;
    // A block of many queries by mma is alone in hiding nothing: two of fewer do better.
    if (by_mma && block_queries == 128 && 2 * (n_bytes + kReserved) > shared_bytes + kReserved) break;
    chosen = block_queries;
    if (block_queries >= n_queries) break;
  }
  return chosen;
}

std::size_t scan_shared_bytes(ScanForm form, std::int64_t block_queries, std::int64_t row_bytes) {
  const ScanSizes sizes = scan_sizes(form, block_queries);
  const auto n_queries = static_cast<std::size_t>(block_queries);
  const auto n_stages = static_cast<std::size_t>(sizes.stages);
  return n_stages * sizeof(ScanStage) + n_queries * static_cast<std::size_t>(scan_slices(row_bytes)) * kSliceBytes +
         static_cast<std::size_t>(sizes.facts) * sizeof(TileFacts) +
         static_cast<std::size_t>(sizes.hit_warps) * sizeof(WarpHits) + n_queries * sizeof(QueryBound) +
         2 * n_stages * sizeof(std::uint64_t);
}

std::int64_t scan_buckets_per_tile(ScanForm form, std::int64_t block_queries) {
  const bool wgmma = form == ScanForm::kWgmma && block_queries >= 128;
  const int n_item_warps = wgmma ? 1 : scan_sizes(form, block_queries).hit_warps / scan_query_warps(block_queries);
  return n_item_warps * 4 * scan_bucket_parts(form, block_queries);
}

std::int64_t scan_buckets(ScanForm form, std::int64_t block_queries, std::int64_t n_tiles, std::int64_t n_splits,
                          std::int64_t tiles_per_bucket) {
  const std::int64_t most_tiles = (n_tiles + n_splits - 1) / n_splits;  // of a block
  return (most_tiles + tiles_per_bucket - 1) / tiles_per_bucket * n_splits * scan_buckets_per_tile(form, block_queries);
}

int scan_blocks_per_processor(ScanForm form, DType nominators, std::int64_t block_queries, std::int64_t row_bytes) {
  const ScanKernel kernel = kernel_of(form, nominators, block_queries, ScanFor::kCandidates);
  const std::size_t shared_bytes = scan_shared_bytes(form, block_queries, row_bytes);
  allow_shared_memory(kernel, shared_bytes);
  int n_blocks = 0;
  SEGUE_CUDA_CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &n_blocks, reinterpret_cast<const void*>(kernel), scan_sizes(form, block_queries).threads, shared_bytes));
  return n_blocks;
}

void scan(const Scan& wanted, cudaStream_t stream) {
  Scan scan = wanted;
  scan.n_rows = (scan.n_items - scan.first_row + scan.row_step - 1) / scan.row_step;
  const ScanKernel kernel = kernel_of(scan.form, scan.nominators, scan.block_queries, scan.what);
  const std::size_t shared_bytes = scan_shared_bytes(scan.form, scan.block_queries, scan.row_bytes);
  allow_shared_memory(kernel, shared_bytes);
  const dim3 grid(static_cast<unsigned>(scan.n_splits), static_cast<unsigned>(scan.n_query_blocks()));
  kernel<<<grid, scan_sizes(scan.form, scan.block_queries).threads, shared_bytes, stream>>>(scan);
  SEGUE_CUDA_CHECK(cudaGetLastError());
}

}  // namespace segue::kernels::cuda
