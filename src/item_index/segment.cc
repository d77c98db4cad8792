#include "item_index/segment.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "item_index/index_manifest.h"
#include "item_index/row_set.h"
#include "item_index/scan_tensors.h"

namespace segue::item_index {
namespace {

using model_file::DType;

constexpr const char* kVectors = "vectors";
constexpr const char* kScales = "scales";
constexpr const char* kBias = "bias";
constexpr const char* kIds = "ids";
constexpr const char* kInt8 = "int8";

DType stored_type(kernels::DType dtype) {
  switch (dtype) {
    case kernels::DType::kFloat32: return DType::kF32;
    case kernels::DType::kBFloat16: return DType::kBF16;
    case kernels::DType::kFloat16: return DType::kF16;
    case kernels::DType::kInt8: return DType::kI8;
  }
  throw std::invalid_argument("no such dtype of vectors");
}

/// Lists to look into under a filter that leaves the share `left` of the items: more, since those that count lie
/// farther apart. By 1 / sqrt(left) recall stayed or rose, whether items were left at random or by where they lie, down
/// to one in a hundred (1M factors x 64, 1M trained vectors x 128). 0 where the exact scan costs less, by the
/// picoseconds for an item and dimension that it took there: an item in a list, an item passed over by the scan, an
/// item gathered.
std::int64_t probes_under_filter(std::int64_t probes, std::int64_t n_lists, double left, std::int64_t n_queries) {
  constexpr std::int64_t kFewQueries = 8;
  struct Costs {
    double in_list, passed, gathered;
  };
  const Costs costs = n_queries <= kFewQueries ? Costs{25, 8.6, 450} : Costs{6, 0.6, 11};
  const double more = std::ceil(static_cast<double>(probes) / std::sqrt(left));
  const double by_lists = more / static_cast<double>(n_lists) * costs.in_list;
  const double by_scan = std::min(costs.passed, left * costs.gathered);
  return by_scan < by_lists ? 0 : static_cast<std::int64_t>(more);
}

}  // namespace

void write_segment(const std::filesystem::path& path, const SegmentContent& content,
                   const std::optional<kernels::IvfOptions>& lists, int n_threads) {
  const std::int64_t n = content.vectors.n_rows, dim = content.vectors.n_cols;
  if (static_cast<std::int64_t>(content.ids.size()) != n)
    throw std::invalid_argument("write_segment: an id per vector");
  const auto& vectors = content.vectors;
  if (vectors.stride() != dim) throw std::invalid_argument("write_segment: vectors must be dense");
  const auto bytes = [](const auto* data, std::int64_t count) {
    return std::string_view(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count) * sizeof(*data));
  };
  Tensors tensors;
  tensors[kVectors] = {stored_type(vectors.dtype),
                       {n, dim},
                       bytes(static_cast<const char*>(vectors.data), n * dim * kernels::bytes_of(vectors.dtype))};
  if (vectors.scales != nullptr) tensors[kScales] = {DType::kF32, {n}, bytes(vectors.scales, n)};
  tensors[kIds] = {DType::kI64, {n}, bytes(content.ids.data(), n)};
  if (content.bias != nullptr) tensors[kBias] = {DType::kF32, {n}, bytes(content.bias, n)};
  kernels::Int8ItemArrays int8;
  kernels::IvfItemArrays ivf;
  const bool is_int8 = vectors.dtype == kernels::DType::kInt8;  // it needs no copy
  if (lists) {
    ivf = kernels::make_ivf_items(vectors, content.bias, *lists, n_threads);
    add_ivf_tensors(ivf, tensors);
  } else if (n >= kernels::kLeastInt8Items && dim <= kernels::kInt8MaxDim && !is_int8) {
    int8 = kernels::make_int8_items(vectors, content.bias, n_threads);
    add_int8_tensors(kInt8, int8, tensors);
  }
  model_file::write_safetensors(path, tensors, {{"format", "segment of a segue item index"}});
}

Segment::Segment(const std::filesystem::path& path, std::int64_t n_rows, std::int64_t dim, kernels::DType dtype)
    : file_(path) {
  const auto data = [&](const char* name, DType type, const std::vector<std::int64_t>& shape) {
    return file_.expect(name, type, shape, kIndexRemedy).bytes.data();
  };
  const bool scaled = dtype == kernels::DType::kInt8;
  const char* scales = scaled ? data(kScales, DType::kF32, {n_rows}) : nullptr;
  items_.vectors = {
      data(kVectors, stored_type(dtype), {n_rows, dim}), dtype, n_rows, dim, 0, reinterpret_cast<const float*>(scales)};
  ids_ = {reinterpret_cast<const std::int64_t*>(data(kIds, DType::kI64, {n_rows})), static_cast<std::size_t>(n_rows)};
  const bool has_bias = file_.tensors().contains(kBias);
  if (has_bias) items_.bias = reinterpret_cast<const float*>(data(kBias, DType::kF32, {n_rows}));
  if (has_ivf_tensors(file_)) {
    ivf_ = ivf_of(file_, path, n_rows, dim, has_bias);
    items_.int8 = &ivf_.lists;  // an exact scan reads them all
  } else if (has_int8_tensors(kInt8, file_)) {
    int8_ = int8_of(kInt8, file_, path, n_rows, dim, has_bias);
    items_.int8 = &int8_;
  }
}

double Segment::top_k(kernels::MatrixView<const float> queries, const std::uint32_t* allowed,
                      const kernels::ItemLists& excluded, const SegmentSearch& wanted,
                      kernels::MatrixView<float> scores, kernels::MatrixView<std::int32_t> rows,
                      const kernels::Device& device) const {
  kernels::ItemMatrix items = items_;
  items.allowed = allowed;
  SegmentSearch how = wanted;
  std::int64_t& probes = how.probes;
  if (allowed != nullptr && probes > 0 && probes < n_lists()) {
    const std::int64_t n_left = count_rows(allowed, n_rows());
    if (n_left > 0)
      probes = probes_under_filter(probes, n_lists(), static_cast<double>(n_left) / static_cast<double>(n_rows()),
                                   queries.n_rows);
  }
  if (device.kind == kernels::Device::Kind::kCuda)
    return on_device(device.index).top_k(queries, allowed, excluded, how, scores, rows, device);
  if (probes > 0 && probes < n_lists())
    kernels::ivf_top_k(queries, items, ivf_, excluded, how.k, probes, scores, rows, device);
  else
    kernels::top_k(queries, items, excluded, how.k, scores, rows, device);
  return 1;
}

DeviceSegment& Segment::on_device(int index) const {
  // Not std::call_once: a copy fails by an exception where there is no device, and ThreadSanitizer loses count there.
  const std::lock_guard lock(copying_);
  auto& copy = copies_[index];
  if (!copy) copy = std::make_unique<DeviceSegment>(items_, ivf_, index);
  return *copy;
}

}  // namespace segue::item_index
