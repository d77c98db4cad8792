// Top-k by tensor cores: scores are never written to memory.
//
//   nominate   queries become nominators: bfloat16, float16, tf32 or int8, with the bound of what that leaves off
//   sample     a scan of every 16th item or so keeps the best score of each of some hundred buckets
//   threshold  the r-th best of them is what about 16 r of all items reach, and k of them nearly surely
//   scan       of all items: those that may reach the threshold become candidates, a few hundred a query
//   finish     candidates are scored by the definition and sorted; a count tells whether all k are certain
//   plain      always enqueued; a block whose query is finished leaves at once
//
// Items that are no candidates score less than the threshold, by the bound; so the list is exact as soon as k
// candidates reach it, whatever the threshold is and whatever order the candidates came in.

#include <algorithm>
#include <cmath>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/finish.cuh"
#include "kernels/cuda/fused_top_k.h"
#include "kernels/cuda/plain_top_k.cuh"
#include "kernels/cuda/scan.cuh"
#include "kernels/cuda/workspace_layout.h"

namespace segue::kernels::cuda {
namespace {

constexpr std::int64_t kMaxSampleStep = 64;
constexpr std::int64_t kUsualSampleStep = 16;     // up to here a sample may leave any number of candidates
constexpr std::int64_t kFewCandidates = 256;      // that a warp sorts, twice as many included
constexpr std::int64_t kMostBuckets = 4096;       // wanted
constexpr std::int64_t kBucketsPerRank = 16;      // wanted, so that few buckets hold two of the best
constexpr std::int64_t kLeastBucketsPerRank = 4;  // with fewer the threshold lies too low
constexpr std::int64_t kLeastCapacity = 1024;
constexpr std::int64_t kMostCapacity = 8192;         // 64 KB of keys
constexpr std::int64_t kLeastSelectivity = 8;        // candidates are at most this part of the items
constexpr std::int64_t kMaxBlocksOfQueries = 65535;  // of a grid along y

struct Workspace {
  Workspace(const FusedPlan& plan, WorkspaceLayout layout)
      : queries(plan.n_queries, plan.n_padded(), plan.row_bytes, plan.capacity, layout),
        maxima(layout.take<float>(plan.n_queries * plan.n_buckets)),
        bytes(layout.bytes()) {}

  Nomination queries;
  float* maxima;
  std::size_t bytes;
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Candidates over those that exact scores would leave: how far the bound of the nominators opens the threshold, at
/// most. The bound grows with the square root of the dimensions, in the scores' standard deviations. On Gaussian
/// vectors of 64, 128 and 256 dimensions int8 leaves 1.6, 2.2 and 3.0 times as many, some queries 2.3, 3.1 and 4.3;
/// bfloat16 for float32 items 1.1, 1.2 and 1.3, some queries 1.3, 1.4 and 1.6.
double widening(DType nominators, std::int64_t dim) {
  return std::exp((nominators == DType::kInt8 ? 0.09 : 0.028) * std::sqrt(static_cast<double>(dim)));
}

/// Room for the candidates, a power of two. Between the best `rank` of a sample of every step-th item lie so many of
/// all items, each time, that the sum has a gamma distribution: it is beyond this with a chance below 1e-8.
std::int64_t capacity_for(std::int64_t rank, std::int64_t step, double wider) {
  const auto most = static_cast<double>(rank) + 6 * std::sqrt(static_cast<double>(rank)) + 12;
  std::int64_t capacity = kLeastCapacity;
  while (static_cast<double>(capacity) < most * static_cast<double>(step) * wider) capacity *= 2;
  return capacity;
}

ScanForm form_of(const FusedPlan& plan) { return plan.wgmma ? ScanForm::kWgmma : ScanForm::kMma; }

/// Chooses the sample: the rarest that leaves enough buckets and not too many candidates.
bool plan_sample(const CudaItems& items, std::int64_t n_slots, FusedPlan& plan) {
  const std::int64_t per_tile = scan_buckets_per_tile(form_of(plan), plan.block_queries);
  const std::int64_t n_query_blocks = plan.n_padded() / plan.block_queries;
  const std::int64_t most_candidates = std::max(kFewCandidates, 4 * plan.k);
  for (plan.sample_step = kMaxSampleStep; plan.sample_step >= 1; plan.sample_step /= 2) {
    const std::int64_t rank = sample_rank(plan.k, plan.sample_step);
    const std::int64_t n_candidates = rank * plan.sample_step;
    plan.n_sample_tiles = ceil_div(ceil_div(items.n_items, plan.sample_step), kCudaTileItems);
    if (plan.n_sample_tiles * per_tile < kLeastBucketsPerRank * rank) continue;
    if (n_candidates * kLeastSelectivity > items.n_items) continue;
    if (n_candidates > most_candidates && plan.sample_step > kUsualSampleStep) continue;
    plan.capacity = capacity_for(rank, plan.sample_step, widening(plan.nominators, items.dim));
    if (plan.capacity > kMostCapacity) continue;
    plan.n_sample_splits =
        std::clamp<std::int64_t>(std::min(n_slots / n_query_blocks, kMostBuckets / per_tile), 1, plan.n_sample_tiles);
    plan.tiles_per_bucket =
        static_cast<int>(std::clamp<std::int64_t>(plan.n_sample_tiles * per_tile / (kBucketsPerRank * rank), 1,
                                                  ceil_div(plan.n_sample_tiles, plan.n_sample_splits)));
    plan.n_buckets = scan_buckets(form_of(plan), plan.block_queries, plan.n_sample_tiles, plan.n_sample_splits,
                                  plan.tiles_per_bucket);
    return true;
  }
  return false;
}

}  // namespace

std::size_t FusedPlan::workspace_bytes() const { return Workspace(*this, WorkspaceLayout(nullptr)).bytes; }

std::optional<FusedPlan> plan_fused(std::int64_t n_queries, const CudaItems& items, std::int64_t k,
                                    const DeviceFacts& facts) {
  FusedPlan plan;
  plan.nominators = items.nominators;
  plan.wgmma = facts.wgmma;
  plan.n_queries = n_queries;
  plan.k = k;
  plan.row_bytes = items.row_bytes;
  plan.block_queries = scan_block_queries(form_of(plan), n_queries, items.row_bytes, facts.shared_bytes);
  if (plan.block_queries == 0 || plan.n_padded() / plan.block_queries > kMaxBlocksOfQueries) return std::nullopt;
  const std::int64_t n_slots =
      facts.n_processors *
      std::max(1, scan_blocks_per_processor(form_of(plan), plan.nominators, plan.block_queries, plan.row_bytes));
  if (!plan_sample(items, n_slots, plan)) return std::nullopt;
  if (finish_shared_bytes(plan.capacity, items.dim) > facts.shared_bytes) return std::nullopt;
  plan.n_splits = std::clamp<std::int64_t>(n_slots / (plan.n_padded() / plan.block_queries), 1,
                                           ceil_div(items.n_items, kCudaTileItems));
  return plan;
}

void fused_top_k(const FusedPlan& plan, MatrixView<const float> queries, const ItemMatrix& items,
                 const ItemLists& excluded, MatrixView<float> scores, MatrixView<std::int32_t> rows, void* workspace,
                 void* stream, const std::int32_t** unfinished) {
  auto* const on = static_cast<cudaStream_t>(stream);
  const CudaItems& nominators = *items.cuda;
  const Workspace work(plan, WorkspaceLayout(workspace));
  const bool exact = items.vectors.dtype == DType::kInt8;
  nominate_queries(queries, plan.n_padded(), plan.nominators, exact, plan.row_bytes, work.queries.rows,
                   work.queries.bounds, on);
  Scan sample =
      scan_of(items, form_of(plan), plan.block_queries, plan.n_queries, work.queries.rows, work.queries.bounds);
  Scan all = sample;

  sample.what = ScanFor::kMaxima;
  sample.first_row = plan.sample_step / 2;
  sample.row_step = plan.sample_step;
  sample.n_tiles = plan.n_sample_tiles;
  sample.n_splits = plan.n_sample_splits;
  sample.maxima = work.maxima;
  sample.n_buckets = plan.n_buckets;
  sample.tiles_per_bucket = plan.tiles_per_bucket;
  scan(sample, on);
  choose_thresholds({work.maxima, plan.n_queries, plan.n_buckets}, excluded, plan.k, plan.sample_step,
                    work.queries.thresholds, work.queries.bounds, work.queries.counts, on);

  all.n_tiles = ceil_div(nominators.n_items, kCudaTileItems);
  all.n_splits = plan.n_splits;
  all.counts = work.queries.counts;
  all.candidates = work.queries.items;
  all.capacity = plan.capacity;
  scan(all, on);
  finish(queries, items, excluded, work.queries.candidates(true), plan.k, scores, rows, work.queries.unfinished, on);
  plain_top_k(queries, items, excluded, work.queries.unfinished, plan.k, scores, rows, on);
  if (unfinished != nullptr) *unfinished = work.queries.unfinished;
}

}  // namespace segue::kernels::cuda
