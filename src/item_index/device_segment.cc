#include "item_index/device_segment.h"

#include <algorithm>
#include <string>

#include "kernels/bucketed_top_k.h"
#include "kernels/device_memory.h"

namespace segue::item_index {
namespace {

/// Places of lists that are searched at a time: 128 MB of scores and rows.
constexpr std::int64_t kSlotsAtOnce = std::int64_t{1} << 24;
constexpr std::int64_t kQueriesAtOnce = 8192;
/// Of the free memory, what a workspace may take; the rest is for queries and results, and for others.
constexpr double kWorkspaceShare = 0.5;
constexpr std::size_t kMegabyte = std::size_t{1} << 20;

kernels::DType default_nominators(kernels::DType dtype) {
  return dtype == kernels::DType::kFloat32 ? kernels::DType::kBFloat16 : dtype;
}

}  // namespace

DeviceSegment::Int8Arrays::Int8Arrays(const kernels::Int8Items& items)
    : firsts(items.firsts, items.n_blocks + 1), blocks(items.blocks, items.n_blocks), view(items) {
  const std::int64_t n_positions = items.firsts[items.n_blocks];
  panels = {items.panels, n_positions / kernels::kInt8PanelItems * items.panel_bytes() + kernels::kInt8PanelSlack};
  rows = {items.rows, n_positions};
  if (items.bias != nullptr) bias = {items.bias, n_positions};
  view.panels = panels.data();
  view.firsts = firsts.data();
  view.rows = rows.data();
  view.bias = bias.data();
  view.blocks = blocks.data();
}

DeviceSegment::DeviceSegment(const kernels::ItemMatrix& items, const kernels::IvfItems& ivf, int device)
    : device_(device) {
  kernels::use_device(device);
  copy_items(items);
  if (ivf.n_lists > 0) copy_lists(ivf);
}

void DeviceSegment::copy_items(const kernels::ItemMatrix& items) {
  const auto& vectors = items.vectors;
  vectors_ = {static_cast<const std::byte*>(vectors.data),
              vectors.n_rows * vectors.n_cols * kernels::bytes_of(vectors.dtype)};
  if (vectors.scales != nullptr) scales_ = {vectors.scales, vectors.n_rows};
  if (items.bias != nullptr) bias_ = {items.bias, vectors.n_rows};
  items_.vectors = {vectors_.data(), vectors.dtype, vectors.n_rows, vectors.n_cols, 0, scales_.data()};
  items_.bias = bias_.data();

  kernels::DType nominators = default_nominators(vectors.dtype);
  std::size_t n_bytes = kernels::cuda_items_bytes(items_, nominators);
  if (static_cast<double>(n_bytes) > kWorkspaceShare * static_cast<double>(kernels::device_memory().free)) {
    nominators = vectors.dtype;
    n_bytes = kernels::cuda_items_bytes(items_, nominators);
  }
  nominators_ = DeviceArray<std::byte>(static_cast<std::int64_t>(n_bytes));
  kernels::Device device{kernels::Device::Kind::kCuda};
  device.index = device_;
  cuda_ = kernels::make_cuda_items(items_, nominators, nominators_.data(), device);
  items_.cuda = &cuda_;
}

void DeviceSegment::copy_lists(const kernels::IvfItems& ivf) {
  promises_ = Int8Arrays(ivf.promises);
  lists_ = Int8Arrays(ivf.lists);
  first_blocks_ = {ivf.first_blocks, ivf.n_lists + 1};
  ivf_ = {ivf.n_lists, promises_.view, first_blocks_.data(), lists_.view, kernels::longest_list(ivf)};
}

std::size_t DeviceSegment::workspace_bytes(std::int64_t n_queries, const SegmentSearch& how,
                                           const kernels::Device& device) const {
  if (how.recall < 1) return kernels::bucketed_workspace_bytes(n_queries, items_, how.k, how.recall, device);
  if (how.probes > 0) return kernels::ivf_workspace_bytes(n_queries, items_, ivf_, how.k, how.probes, device);
  return kernels::top_k_workspace_bytes(n_queries, items_, how.k, device);
}

void DeviceSegment::make_workspace(std::int64_t n_queries, const SegmentSearch& how, kernels::Device& device) {
  const std::size_t wanted = workspace_bytes(n_queries, how, device);
  if (wanted > workspace_.n_bytes()) {
    workspace_ = {};  // first, so that its memory counts as free
    const auto most = static_cast<std::size_t>(kWorkspaceShare * static_cast<double>(kernels::device_memory().free));
    const std::size_t least = std::min(wanted, kMegabyte);
    workspace_ = DeviceArray<std::byte>(static_cast<std::int64_t>(std::clamp(wanted, least, std::max(least, most))));
  }
  device.workspace = workspace_.data();
  device.workspace_bytes = workspace_.n_bytes();
}

double DeviceSegment::search_part(kernels::MatrixView<const float> queries, const kernels::ItemMatrix& items,
                                  const kernels::ItemLists& excluded, const SegmentSearch& how,
                                  kernels::MatrixView<float> scores, kernels::MatrixView<std::int32_t> rows,
                                  const kernels::Device& device) {
  const std::int64_t n = queries.n_rows, k = how.k;
  const bool has_lists = excluded.offsets != nullptr;
  const kernels::MatrixView<const float> asked{asked_.assign(queries.data, n * queries.n_cols), n, queries.n_cols};
  const kernels::ItemLists lists{offsets_.assign(excluded.offsets, has_lists ? n + 1 : 0),
                                 hidden_.assign(excluded.items, has_lists ? excluded.offsets[n] : 0)};
  const kernels::MatrixView<float> best{best_.reserve(n * k), n, k};
  const kernels::MatrixView<std::int32_t> found{found_.reserve(n * k), n, k};
  double recall = 1;
  if (how.recall < 1)
    recall = kernels::bucketed_top_k(asked, items, lists, k, how.recall, best, found, device);
  else if (how.probes > 0)
    kernels::ivf_top_k(asked, items, ivf_, lists, k, how.probes, best, found, device);
  else
    kernels::top_k(asked, items, lists, k, best, found, device);
  best_.copy_to(scores.data, n * k);
  found_.copy_to(rows.data, n * k);
  return recall;
}

double DeviceSegment::top_k(kernels::MatrixView<const float> queries, const std::uint32_t* allowed,
                            const kernels::ItemLists& excluded, const SegmentSearch& wanted,
                            kernels::MatrixView<float> scores, kernels::MatrixView<std::int32_t> rows,
                            kernels::Device device) {
  const std::lock_guard lock(searching_);
  kernels::use_device(device_);
  SegmentSearch how = wanted;
  if (how.probes >= ivf_.n_lists) how.probes = 0;
  const std::int64_t k = how.k;
  double recall = 1;
  const std::int64_t at_once = std::clamp<std::int64_t>(kSlotsAtOnce / k, 1, kQueriesAtOnce);
  make_workspace(std::min(queries.n_rows, at_once), how, device);
  kernels::ItemMatrix items = items_;
  items.allowed = allowed_.assign(allowed, allowed == nullptr ? 0 : (items_.vectors.n_rows + 31) / 32);
  for (std::int64_t first = 0; first < queries.n_rows; first += at_once) {
    const std::int64_t n = std::min(at_once, queries.n_rows - first);
    const kernels::ItemLists of_part =
        excluded.offsets == nullptr ? excluded : kernels::ItemLists{excluded.offsets + first, excluded.items};
    recall = std::min(recall, search_part({queries.row(first), n, queries.n_cols}, items, of_part, how,
                                          {scores.row(first), n, k}, {rows.row(first), n, k}, device));
  }
  return recall;
}

}  // namespace segue::item_index
