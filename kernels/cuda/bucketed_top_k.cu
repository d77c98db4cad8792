// The two-stage approximate form: a scan keeps the best item of each bucket, and the best of those are scored by the
// definition.

#include <algorithm>
#include <numeric>
#include <optional>

#include "kernels/bucketed_top_k.h"
#include "kernels/cuda/check.cuh"
#include "kernels/cuda/finish.cuh"
#include "kernels/cuda/fused_top_k.h"
#include "kernels/cuda/plain_top_k.cuh"
#include "kernels/cuda/scan.cuh"
#include "kernels/cuda/workspace_layout.h"
#include "kernels/implementations.h"

namespace segue::kernels {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMostAtOnce = 8192;  // queries
constexpr std::int64_t kLeastCapacity = 256;
constexpr std::int64_t kMostCapacity = 8192;
constexpr double kGoldenSection = 0.6180339887;

struct BucketedPlan {
  ScanForm form = ScanForm::kMma;
  std::int64_t n_queries = 0, n_padded = 0, row_bytes = 0;
  std::int64_t block_queries = 0, n_tiles = 0, n_splits = 0;
  int tiles_per_bucket = 1;
  std::int64_t n_buckets = 0;
  std::int64_t capacity = 0;
};

struct BucketedWorkspace {
  BucketedWorkspace(const BucketedPlan& plan, WorkspaceLayout layout)
      : queries(plan.n_queries, plan.n_padded, plan.row_bytes, plan.capacity, layout),
        maxima(layout.take<float>(plan.n_queries * plan.n_buckets)),
        best_rows(layout.take<std::int32_t>(plan.n_queries * plan.n_buckets)),
        bytes(layout.bytes()) {}

  Nomination queries;
  float* maxima;
  std::int32_t* best_rows;
  std::size_t bytes;
};

/// A block a query: the best of the buckets that reach the threshold become candidates.
__global__ void __launch_bounds__(kThreads)
    collect_best_kernel(MatrixView<const float> maxima, const std::int32_t* best_rows, const float* thresholds,
                        std::int64_t capacity, std::int32_t* counts, std::int32_t* candidates) {
  __shared__ std::int32_t n_found;
  const std::int64_t q = blockIdx.x;
  if (threadIdx.x == 0) n_found = 0;
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < maxima.n_cols; i += kThreads) {
    const std::int32_t row = best_rows[q * maxima.n_cols + i];
    if (row == kNoItemRow || !(maxima.row(q)[i] >= thresholds[q])) continue;
    const std::int32_t at = atomicAdd(&n_found, 1);
    if (at < capacity) candidates[q * capacity + at] = row;
  }
  __syncthreads();
  if (threadIdx.x == 0) counts[q] = n_found;
}

/// None where as many buckets as are wanted cannot be had.
std::optional<BucketedPlan> plan_bucketed(std::int64_t n_queries, const CudaItems& items, std::int64_t k,
                                          double recall) {
  const DeviceFacts facts = facts_of_current_device();
  BucketedPlan plan;
  plan.form = facts.wgmma ? ScanForm::kWgmma : ScanForm::kMma;
  plan.n_queries = n_queries;
  plan.row_bytes = items.row_bytes;
  plan.block_queries = scan_block_queries(plan.form, n_queries, items.row_bytes, facts.shared_bytes);
  if (plan.block_queries == 0) return std::nullopt;
  const std::int64_t n_query_blocks = (n_queries + plan.block_queries - 1) / plan.block_queries;
  plan.n_padded = n_query_blocks * plan.block_queries;
  plan.n_tiles = (items.n_items + kCudaTileItems - 1) / kCudaTileItems;
  const std::int64_t n_slots =
      facts.n_processors *
      std::max(1, scan_blocks_per_processor(plan.form, items.nominators, plan.block_queries, items.row_bytes));
  plan.n_splits = std::clamp<std::int64_t>(n_slots / n_query_blocks, 1, plan.n_tiles);
  const std::int64_t wanted = buckets_for(items.n_items, k, recall);
  const std::int64_t most_tiles = (plan.n_tiles + plan.n_splits - 1) / plan.n_splits;  // of a block
  plan.tiles_per_bucket = static_cast<int>(most_tiles);
  while (true) {
    plan.n_buckets = scan_buckets(plan.form, plan.block_queries, plan.n_tiles, plan.n_splits, plan.tiles_per_bucket);
    // Half of the last round of buckets may be smaller than the others: count whole tiles alone.
    const std::int64_t n_full =
        plan.n_tiles / plan.tiles_per_bucket * scan_buckets_per_tile(plan.form, plan.block_queries);
    if (n_full >= wanted) break;
    if (plan.tiles_per_bucket == 1) return std::nullopt;
    plan.tiles_per_bucket = (plan.tiles_per_bucket + 1) / 2;
  }
  plan.capacity = kLeastCapacity;
  while (plan.capacity < 2 * sample_rank(k, 1)) plan.capacity *= 2;
  if (plan.capacity > kMostCapacity || finish_shared_bytes(plan.capacity, items.dim) > facts.shared_bytes)
    return std::nullopt;
  return plan;
}

std::int64_t expected_buckets(const BucketedPlan& plan) {
  return plan.n_tiles / plan.tiles_per_bucket * scan_buckets_per_tile(plan.form, plan.block_queries);
}

std::size_t bytes_of_plan(const BucketedPlan& plan) { return BucketedWorkspace(plan, WorkspaceLayout(nullptr)).bytes; }

/// The plan for as many queries at once as the workspace has room for.
std::optional<BucketedPlan> plan_within(std::int64_t n_queries, const CudaItems& items, std::int64_t k, double recall,
                                        std::size_t workspace_bytes) {
  for (std::int64_t n = std::min(n_queries, kMostAtOnce);; n = (n + 1) / 2) {
    const auto plan = plan_bucketed(n, items, k, recall);
    if (!plan || bytes_of_plan(*plan) <= workspace_bytes) return plan;
    if (n == 1) return std::nullopt;
  }
}

/// A number near the golden section of `n` that has no divisor in common with it.
std::int64_t multiplier_for(std::int64_t n) {
  auto multiplier = static_cast<std::int64_t>(static_cast<double>(n) * kGoldenSection);
  while (multiplier > 1 && std::gcd(multiplier, n) != 1) --multiplier;
  return std::max<std::int64_t>(multiplier, 1);
}

void search(const BucketedPlan& plan, MatrixView<const float> queries, const ItemMatrix& items,
            const ItemLists& excluded, std::int64_t k, MatrixView<float> scores, MatrixView<std::int32_t> rows,
            const Device& device) {
  auto* const on = static_cast<cudaStream_t>(device.stream);
  const BucketedWorkspace work(plan, WorkspaceLayout(device.workspace));
  const bool exact = items.vectors.dtype == DType::kInt8;
  nominate_queries(queries, plan.n_padded, items.cuda->nominators, exact, plan.row_bytes, work.queries.rows,
                   work.queries.bounds, on);
  Scan best = scan_of(items, plan.form, plan.block_queries, plan.n_queries, work.queries.rows, work.queries.bounds);
  best.what = ScanFor::kBest;
  best.n_tiles = plan.n_tiles;
  best.n_splits = plan.n_splits;
  best.maxima = work.maxima;
  best.best_rows = work.best_rows;
  best.n_buckets = plan.n_buckets;
  best.tiles_per_bucket = plan.tiles_per_bucket;
  best.tile_multiplier = multiplier_for(plan.n_tiles);
  scan(best, on);
  const MatrixView<const float> maxima{work.maxima, plan.n_queries, plan.n_buckets};
  choose_thresholds(maxima, excluded, k, 1, work.queries.thresholds, work.queries.bounds, work.queries.counts, on);
  collect_best_kernel<<<static_cast<unsigned>(plan.n_queries), kThreads, 0, on>>>(
      maxima, work.best_rows, work.queries.thresholds, plan.capacity, work.queries.counts, work.queries.items);
  SEGUE_CUDA_CHECK(cudaGetLastError());
  finish(queries, items, excluded, work.queries.candidates(false), k, scores, rows, work.queries.unfinished, on);
  plain_top_k(queries, items, excluded, work.queries.unfinished, k, scores, rows, on);
}

}  // namespace

double bucketed_top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded,
                      std::int64_t k, double recall, MatrixView<float> scores, MatrixView<std::int32_t> rows,
                      const Device& device) {
  const DeviceGuard guard(device);
  std::int64_t n_buckets = items.vectors.n_rows;
  for (std::int64_t first = 0, n = 0; first < queries.n_rows; first += n) {
    const auto plan = plan_within(queries.n_rows - first, *items.cuda, k, recall, device.workspace_bytes);
    if (!plan) return 0;  // of the first part; those behind it have fewer queries, or as many
    n = plan->n_queries;
    n_buckets = std::min(n_buckets, expected_buckets(*plan));
    search(*plan, {queries.row(first), n, queries.n_cols}, items, lists_from(excluded, first), k,
           {scores.row(first), n, k}, {rows.row(first), n, k}, device);
  }
  return bucketed_recall(items.vectors.n_rows, k, n_buckets);
}

}  // namespace cuda

std::size_t bucketed_workspace_bytes(std::int64_t n_queries, const ItemMatrix& items, std::int64_t k, double recall,
                                     const Device& device) {
  if (items.cuda == nullptr || n_queries == 0) return 0;
  const cuda::DeviceGuard guard(device);
  const auto plan = cuda::plan_bucketed(std::min(n_queries, cuda::kMostAtOnce), *items.cuda, k, recall);
  return plan ? cuda::bytes_of_plan(*plan) : top_k_workspace_bytes(n_queries, items, k, device);
}

}  // namespace segue::kernels
