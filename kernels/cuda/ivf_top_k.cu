// Lists on CUDA: promises and their best, probes grouped by list, then as the fused form does: a sample of the lists
// sets a threshold, a scan nominates, candidates are scored by the definition, and the plain form finishes the queries
// whose count is not good.

#include <algorithm>
#include <optional>
#include <string>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_facts.h"
#include "kernels/cuda/finish.cuh"
#include "kernels/cuda/ivf_lists.cuh"
#include "kernels/cuda/ivf_scan.cuh"
#include "kernels/cuda/plain_top_k.cuh"
#include "kernels/cuda/workspace_layout.h"
#include "kernels/implementations.h"

namespace segue::kernels {
namespace cuda {
namespace {

constexpr std::int64_t kMostAtOnce = 4096;  // queries
constexpr std::int64_t kSampleStep = 4;
constexpr std::int64_t kLeastCapacity = 1024;
constexpr std::int64_t kMostCapacity = 8192;
constexpr std::int64_t kMostVisits = std::int64_t{1} << 30;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

struct IvfPlan {
  std::int64_t n_queries, k, n_probes, n_lists, dim;
  bool scans = false;          // by tensor cores; else the plain form does it all
  std::int64_t n_buckets = 0;  // of a query in the sample; 0: no sample, every item of the lists is a candidate
  std::int64_t capacity = 0;

  [[nodiscard]] std::int64_t promise_row_bytes() const { return round_up(dim + 1, 4); }
  [[nodiscard]] std::int64_t row_bytes() const { return round_up(dim, 32); }
};

struct IvfWorkspace {
  IvfWorkspace(const IvfPlan& plan, WorkspaceLayout layout) {
    const std::int64_t n = plan.n_queries;
    queries.levels = layout.take<std::int8_t>(n * plan.promise_row_bytes());
    queries.row_bytes = plan.promise_row_bytes();
    queries.steps = layout.take<float>(n);
    queries.corrections = layout.take<float>(n);
    promises = {layout.take<float>(n * plan.n_lists), n, plan.n_lists};
    promised = {layout.take<float>(n * plan.n_probes), n, plan.n_probes};
    probes = {layout.take<std::int32_t>(n * plan.n_probes), n, plan.n_probes};
    if (plan.scans) {
      visits.n_lists = plan.n_lists;
      visits.counts = layout.take<std::int32_t>(plan.n_lists);
      visits.begins = layout.take<std::int32_t>(plan.n_lists + 1);
      visits.groups = layout.take<std::int32_t>(plan.n_lists + 1);
      visits.visits = layout.take<std::int32_t>(n * plan.n_probes);
      nomination.emplace(n, n, plan.row_bytes(), plan.capacity, layout);
      maxima = layout.take<float>(n * plan.n_buckets);
    }
    bytes = layout.bytes();
  }

  PromiseQueries queries;
  MatrixView<float> promises, promised;
  MatrixView<std::int32_t> probes;
  Visits visits;
  std::optional<Nomination> nomination;  // of a plan that scans
  float* maxima = nullptr;
  std::size_t bytes = 0;
};

IvfPlan plan_ivf(std::int64_t n_queries, const IvfItems& ivf, std::int64_t k, std::int64_t n_probes) {
  IvfPlan plan{n_queries, k, n_probes, ivf.n_lists, ivf.lists.dim};
  const std::int64_t n_expected = 2 * n_probes * (ivf.lists.n_items / ivf.n_lists + 1);
  const std::int64_t rank = sample_rank(k, kSampleStep);
  std::int64_t n_candidates = n_expected;
  if (n_expected > kMostCapacity || n_expected > 8 * rank * kSampleStep) {
    n_candidates = 2 * rank * kSampleStep;
    plan.n_buckets = n_probes * kIvfBuckets;
  }
  plan.capacity = kLeastCapacity;
  while (plan.capacity < n_candidates) plan.capacity *= 2;
  const std::size_t shared_bytes = facts_of_current_device().shared_bytes;
  plan.scans = plan.capacity <= kMostCapacity && n_queries * n_probes <= kMostVisits &&
               ivf_scan_shared_bytes(plan.row_bytes()) <= shared_bytes &&
               finish_shared_bytes(plan.capacity, plan.dim) <= shared_bytes;
  return plan;
}

std::size_t bytes_of_plan(const IvfPlan& plan) { return IvfWorkspace(plan, WorkspaceLayout(nullptr)).bytes; }

void search(const IvfPlan& plan, MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf,
            const ItemLists& excluded, MatrixView<float> scores, MatrixView<std::int32_t> rows, const Device& device) {
  auto* const on = static_cast<cudaStream_t>(device.stream);
  const IvfWorkspace work(plan, WorkspaceLayout(device.workspace));
  promise(queries, ivf, work.queries, work.promises, on);
  cuda::select_top_k({work.promises.data, plan.n_queries, plan.n_lists}, plan.n_probes, work.promised, work.probes,
                     device);
  const MatrixView<const std::int32_t> probes{work.probes.data, plan.n_queries, plan.n_probes};
  if (!plan.scans) {
    plain_ivf_top_k(queries, items, ivf, probes, excluded, nullptr, plan.k, scores, rows, on);
    return;
  }
  const Nomination& nomination = *work.nomination;
  group_visits(probes, work.visits, on);
  nominate_queries(queries, plan.n_queries, DType::kInt8, false, plan.row_bytes(), nomination.rows, nomination.bounds,
                   on);

  IvfScan all;
  all.lists = ivf.lists;
  all.first_blocks = ivf.first_blocks;
  all.visits = work.visits;
  all.n_probes = plan.n_probes;
  all.most_groups = Visits::most_groups(plan.n_queries, plan.n_probes, plan.n_lists);
  all.queries = reinterpret_cast<const std::int8_t*>(nomination.rows);
  all.row_bytes = plan.row_bytes();
  all.bounds = nomination.bounds;
  all.allowed = items.allowed;
  if (plan.n_buckets > 0) {
    IvfScan sample = all;
    sample.panel_step = kSampleStep;
    sample.maxima = work.maxima;
    // Places of probes that are none: NaN, below every score.
    SEGUE_CUDA_CHECK(cudaMemsetAsync(work.maxima, 0xFF,
                                     static_cast<std::size_t>(plan.n_queries * plan.n_buckets) * sizeof(float), on));
    ivf_scan(sample, on);
  }
  choose_thresholds({work.maxima, plan.n_queries, plan.n_buckets}, excluded, plan.k, kSampleStep, nomination.thresholds,
                    nomination.bounds, nomination.counts, on);
  all.counts = nomination.counts;
  all.candidates = nomination.items;
  all.capacity = plan.capacity;
  ivf_scan(all, on);
  finish(queries, items, excluded, nomination.candidates(true), plan.k, scores, rows, nomination.unfinished, on);
  plain_ivf_top_k(queries, items, ivf, probes, excluded, nomination.unfinished, plan.k, scores, rows, on);
}

/// The plan for as many queries at once as the workspace has room for.
IvfPlan plan_within(std::int64_t n_queries, const IvfItems& ivf, std::int64_t k, std::int64_t n_probes,
                    const Device& device) {
  for (std::int64_t n = std::min(n_queries, kMostAtOnce);; n = (n + 1) / 2) {
    const IvfPlan plan = plan_ivf(n, ivf, k, n_probes);
    const std::size_t n_bytes = bytes_of_plan(plan);
    if (device.workspace != nullptr && n_bytes <= device.workspace_bytes) return plan;
    if (n == 1) {
      throw DeviceFailure("ivf_top_k: a query needs a workspace of " + std::to_string(n_bytes) +
                          " bytes on the device, and there are " +
                          std::to_string(device.workspace == nullptr ? 0 : device.workspace_bytes) +
                          ": ivf_workspace_bytes() tells how many serve");
    }
  }
}

}  // namespace

void ivf_top_k(MatrixView<const float> queries, const ItemMatrix& items, const IvfItems& ivf, const ItemLists& excluded,
               std::int64_t k, std::int64_t n_probes, MatrixView<float> scores, MatrixView<std::int32_t> rows,
               const Device& device) {
  const DeviceGuard guard(device);
  const std::int64_t at_once = plan_within(queries.n_rows, ivf, k, n_probes, device).n_queries;
  for (std::int64_t first = 0; first < queries.n_rows; first += at_once) {
    const std::int64_t n = std::min(at_once, queries.n_rows - first);
    search(plan_ivf(n, ivf, k, n_probes), {queries.row(first), n, queries.n_cols}, items, ivf,
           lists_from(excluded, first), {scores.row(first), n, k}, {rows.row(first), n, k}, device);
  }
}

}  // namespace cuda

std::size_t ivf_workspace_bytes(std::int64_t n_queries, const ItemMatrix& items, const IvfItems& ivf, std::int64_t k,
                                std::int64_t n_probes, const Device& device) {
  const cuda::DeviceGuard guard(device);
  if (n_queries == 0 || items.vectors.n_rows == 0) return 0;
  return cuda::bytes_of_plan(cuda::plan_ivf(std::min(n_queries, cuda::kMostAtOnce), ivf, k, n_probes));
}

}  // namespace segue::kernels
