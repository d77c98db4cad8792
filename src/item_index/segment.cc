#include "item_index/segment.h"

#include <stdexcept>

#include "item_index/index_manifest.h"
#include "item_index/scan_tensors.h"

namespace segue::item_index {
namespace {

using model_file::DType;

constexpr const char* kVectors = "vectors";
constexpr const char* kBias = "bias";
constexpr const char* kIds = "ids";
constexpr const char* kInt8 = "int8";

}  // namespace

void write_segment(const std::filesystem::path& path, const SegmentContent& content, int n_threads) {
  const std::int64_t n = content.vectors.n_rows, dim = content.vectors.n_cols;
  if (static_cast<std::int64_t>(content.ids.size()) != n)
    throw std::invalid_argument("write_segment: an id per vector");
  const auto bytes = [](const auto* data, std::int64_t count) {
    return std::string_view(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count) * sizeof(*data));
  };
  Tensors tensors;
  tensors[kVectors] = {DType::kF32, {n, dim}, bytes(content.vectors.data, n * dim)};
  tensors[kIds] = {DType::kI64, {n}, bytes(content.ids.data(), n)};
  if (content.bias != nullptr) tensors[kBias] = {DType::kF32, {n}, bytes(content.bias, n)};
  kernels::Int8ItemArrays int8;
  if (n >= kernels::kLeastInt8Items && dim <= kernels::kInt8MaxDim) {
    int8 = kernels::make_int8_items(content.vectors, content.bias, n_threads);
    add_int8_tensors(kInt8, int8, tensors);
  }
  model_file::write_safetensors(path, tensors, {{"format", "segment of a segue item index"}});
}

Segment::Segment(const std::filesystem::path& path, std::int64_t n_rows, std::int64_t dim) : file_(path) {
  const auto data = [&](const char* name, DType dtype, const std::vector<std::int64_t>& shape) {
    return file_.expect(name, dtype, shape, kIndexRemedy).bytes.data();
  };
  items_.vectors = {reinterpret_cast<const float*>(data(kVectors, DType::kF32, {n_rows, dim})), n_rows, dim};
  ids_ = {reinterpret_cast<const std::int64_t*>(data(kIds, DType::kI64, {n_rows})), static_cast<std::size_t>(n_rows)};
  const bool has_bias = file_.tensors().contains(kBias);
  if (has_bias) items_.bias = reinterpret_cast<const float*>(data(kBias, DType::kF32, {n_rows}));
  if (has_int8_tensors(kInt8, file_)) {
    int8_ = int8_of(kInt8, file_, path, n_rows, dim, has_bias);
    items_.int8 = &int8_;
  }
}

void Segment::top_k(kernels::MatrixView<const float> queries, const std::uint32_t* allowed,
                    const kernels::ItemLists& excluded, std::int64_t k, kernels::MatrixView<float> scores,
                    kernels::MatrixView<std::int32_t> rows, int n_threads) const {
  kernels::ItemMatrix items = items_;
  items.allowed = allowed;
  kernels::top_k(queries, items, excluded, k, scores, rows, {kernels::Device::Kind::kCpu, n_threads, nullptr});
}

}  // namespace segue::item_index
