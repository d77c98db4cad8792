// The entries on CUDA: which form serves, and in how many parts.

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/fused_top_k.h"
#include "kernels/cuda/nominators.cuh"
#include "kernels/cuda/plain_top_k.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/implementations.h"

namespace segue::kernels {
namespace {

constexpr std::int64_t kMostAtOnce = 8192;  // queries; more of them fill the device no better
constexpr std::int64_t kRowAlignment = 16;

std::size_t aligned(std::int64_t n_bytes) { return static_cast<std::size_t>((n_bytes + 255) / 256 * 256); }

bool serve_themselves(const ItemMatrix& items, DType nominators) {
  return nominators == items.vectors.dtype && cuda::rows_are_aligned(cuda::DeviceVectors(items.vectors)) &&
         items.vectors.n_cols * bytes_of(nominators) % kRowAlignment == 0 &&
         items.vectors.stride() == items.vectors.n_cols;
}

std::int64_t padded_row_bytes(const ItemMatrix& items, DType nominators) {
  return (items.vectors.n_cols * bytes_of(nominators) + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
}

std::int64_t n_tiles_of(const ItemMatrix& items) {
  return (items.vectors.n_rows + kCudaTileItems - 1) / kCudaTileItems;
}

}  // namespace

std::size_t cuda_items_bytes(const ItemMatrix& items, DType nominators) {
  const std::int64_t n_items = items.vectors.n_rows;
  const bool scaled = nominators == DType::kInt8 && items.vectors.dtype != DType::kInt8;
  return aligned(n_tiles_of(items) * static_cast<std::int64_t>(sizeof(CudaTile))) +
         (scaled ? aligned(n_items * static_cast<std::int64_t>(sizeof(float))) : 0) +
         (serve_themselves(items, nominators) ? 0 : aligned(n_items * padded_row_bytes(items, nominators)));
}

CudaItems make_cuda_items(const ItemMatrix& items, DType nominators, void* memory, const Device& device) {
  require_well_formed(items.vectors, "make_cuda_items");
  if (!can_nominate(nominators, items.vectors.dtype))
    throw std::invalid_argument(std::string("make_cuda_items: ") + name_of(nominators) + " nominates no " +
                                name_of(items.vectors.dtype) + " items");
  const cuda::DeviceGuard guard(device);
  const std::int64_t n_items = items.vectors.n_rows;
  CudaItems made;
  made.n_items = n_items;
  made.dim = items.vectors.n_cols;
  made.nominators = nominators;
  made.row_bytes = padded_row_bytes(items, nominators);
  auto* at = static_cast<char*>(memory);
  made.tiles = reinterpret_cast<const CudaTile*>(at);
  at += aligned(n_tiles_of(items) * static_cast<std::int64_t>(sizeof(CudaTile)));
  made.scales = items.vectors.scales;
  if (nominators == DType::kInt8 && items.vectors.dtype != DType::kInt8) {
    made.scales = reinterpret_cast<const float*>(at);
    at += aligned(n_items * static_cast<std::int64_t>(sizeof(float)));
  }
  const bool copies = !serve_themselves(items, nominators);
  made.rows = copies ? at : items.vectors.data;
  if (n_items > 0) cuda::nominate_items(items, made, copies, static_cast<cudaStream_t>(device.stream));
  return made;
}

std::size_t top_k_workspace_bytes(std::int64_t n_queries, const ItemMatrix& items, std::int64_t k,
                                  const Device& device) {
  if (items.cuda == nullptr || n_queries == 0) return 0;
  const cuda::DeviceGuard guard(device);
  const auto plan = cuda::plan_fused(std::min(n_queries, kMostAtOnce), *items.cuda, k, cuda::facts_of_current_device());
  return plan ? plan->workspace_bytes() : 0;
}

namespace cuda {
namespace {

/// The plan for as many queries at once as the workspace has room for.
std::optional<FusedPlan> plan_within(std::int64_t n_queries, const ItemMatrix& items, std::int64_t k,
                                     std::size_t workspace_bytes) {
  const DeviceFacts facts = facts_of_current_device();
  for (std::int64_t n = std::min(n_queries, kMostAtOnce);; n = (n + 1) / 2) {
    const auto plan = plan_fused(n, *items.cuda, k, facts);
    if (!plan || plan->workspace_bytes() <= workspace_bytes) return plan;
    if (n == 1) return std::nullopt;
  }
}

}  // namespace

void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows, const Device& device) {
  const DeviceGuard guard(device);
  const bool may_fuse = items.cuda != nullptr && device.workspace != nullptr;
  for (std::int64_t first = 0, n = 0; first < queries.n_rows; first += n) {
    const std::int64_t n_left = queries.n_rows - first;
    const auto plan = may_fuse ? plan_within(n_left, items, k, device.workspace_bytes) : std::nullopt;
    n = plan ? plan->n_queries : n_left;
    const MatrixView<const float> of_queries{queries.row(first), n, queries.n_cols};
    const ItemLists of_excluded = lists_from(excluded, first);
    const MatrixView<float> of_scores{scores.row(first), n, k};
    const MatrixView<std::int32_t> of_rows{rows.row(first), n, k};
    if (plan)
      fused_top_k(*plan, of_queries, items, of_excluded, of_scores, of_rows, device.workspace, device.stream);
    else
      plain_top_k(of_queries, items, of_excluded, nullptr, k, of_scores, of_rows,
                  static_cast<cudaStream_t>(device.stream));
  }
}

}  // namespace cuda
}  // namespace segue::kernels
