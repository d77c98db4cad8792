#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/cuda/fused_top_k.h"
#include "kernels/cuda_items.h"
#include "kernels/device_memory.h"
#include "tests/kernels/on_device.h"
#include "tests/kernels/search_case.h"

namespace segue::kernels {

inline constexpr Device kCuda{Device::Kind::kCuda, 1, nullptr};

/// A case in the device's memory.
class OnCuda {
 public:
  OnCuda(const Case& given, DType nominators, const Device& device = kCuda)
      : device_(device),
        given_(given),
        queries_(device, given.queries),
        elements_(device, given.elements),
        scales_(device, given.scales),
        bias_(device, given.bias),
        allowed_(device, given.allowed),
        offsets_(device, given.offsets),
        excluded_(device, given.excluded) {
    items_.vectors = {elements_.data(), given.dtype,  given.n_items,
                      given.dim,        given.stride, given.dtype == DType::kInt8 ? scales_.data() : nullptr};
    if (!given.bias.empty()) items_.bias = bias_.data();
    if (!given.allowed.empty()) items_.allowed = allowed_.data();
    if (!given.offsets.empty()) lists_ = {offsets_.data(), excluded_.data()};
    memory_ = allocate_on_device(cuda_items_bytes(items_, nominators));
    cuda_ = make_cuda_items(items_, nominators, memory_, device);
    items_.cuda = &cuda_;
  }
  ~OnCuda() { free_on_device(memory_); }
  OnCuda(const OnCuda&) = delete;
  OnCuda& operator=(const OnCuda&) = delete;

  [[nodiscard]] const ItemMatrix& items() const { return items_; }
  [[nodiscard]] const CudaItems& nominators() const { return cuda_; }
  [[nodiscard]] const ItemLists& lists() const { return lists_; }
  MatrixView<const float> queries() { return {queries_.data(), given_.n_queries, given_.dim}; }

  /// By a plan of its own. @param n_unfinished  queries that the plain form had to finish
  Lists search(const cuda::FusedPlan& plan, std::int64_t* n_unfinished = nullptr) {
    void* workspace = allocate_on_device(plan.workspace_bytes());
    const std::int32_t* unfinished = nullptr;
    Lists found = run(plan.k, [&](auto scores, auto rows) {
      cuda::fused_top_k(plan, queries(), items_, lists_, scores, rows, workspace, device_.stream, &unfinished);
    });
    std::vector<std::int32_t> flags(static_cast<std::size_t>(given_.n_queries));
    copy_from_device(flags.data(), unfinished, flags.size() * sizeof(flags[0]));
    if (n_unfinished != nullptr) *n_unfinished = std::accumulate(flags.begin(), flags.end(), std::int64_t{0});
    free_on_device(workspace);
    return found;
  }
  /// By the public entry, in a workspace of so many bytes.
  Lists search(std::int64_t k, std::size_t workspace_bytes) {
    Device device = device_;
    if (workspace_bytes > 0) device.workspace = allocate_on_device(workspace_bytes);
    device.workspace_bytes = workspace_bytes;
    Lists found = run(k, [&](auto scores, auto rows) { top_k(queries(), items_, lists_, k, scores, rows, device); });
    free_on_device(device.workspace);
    return found;
  }

 private:
  template <class Search>
  Lists run(std::int64_t k, const Search& search) {
    const auto n = static_cast<std::size_t>(given_.n_queries * k);
    OnDevice scores(device_, std::vector<float>(n, kNan));
    OnDevice rows(device_, std::vector<std::int32_t>(n, -7));
    search(MatrixView<float>{scores.data(), given_.n_queries, k},
           MatrixView<std::int32_t>{rows.data(), given_.n_queries, k});
    return {bits_of(scores.values()), rows.values()};
  }

  Device device_;
  Case given_;
  OnDevice<float> queries_;
  OnDevice<std::byte> elements_;
  OnDevice<float> scales_, bias_;
  OnDevice<std::uint32_t> allowed_;
  OnDevice<std::int64_t> offsets_;
  OnDevice<std::int32_t> excluded_;
  ItemMatrix items_;
  ItemLists lists_;
  void* memory_ = nullptr;
  CudaItems cuda_;
};

inline Lists defined(const Case& given, std::int64_t k) {
  std::vector<float> scores(static_cast<std::size_t>(given.n_queries * k));
  std::vector<std::int32_t> rows(scores.size());
  top_k({given.queries.data(), given.n_queries, given.dim}, given.items(), given.lists(), k,
        {scores.data(), given.n_queries, k}, {rows.data(), given.n_queries, k}, kReference);
  return {bits_of(scores), rows};
}

}  // namespace segue::kernels
