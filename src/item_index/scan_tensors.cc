#include "item_index/scan_tensors.h"

#include <algorithm>

#include "item_index/index_manifest.h"
#include "support/errors.h"

namespace segue::item_index {
namespace {

using model_file::DType;

constexpr const char* kPanels = ".panels";
constexpr const char* kFirsts = ".firsts";
constexpr const char* kRows = ".rows";
constexpr const char* kBias = ".bias";
constexpr const char* kBlocks = ".blocks";
constexpr const char* kPromises = "ivf.promises";
constexpr const char* kLists = "ivf.lists";
constexpr const char* kFirstBlocks = "ivf.first_blocks";
constexpr std::int64_t kBlockNumbers = sizeof(kernels::Int8Block) / sizeof(float);

std::int64_t length(const auto& values) { return static_cast<std::int64_t>(values.size()); }

}  // namespace

void add_int8_tensors(const std::string& prefix, const kernels::Int8ItemArrays& arrays, Tensors& tensors) {
  tensors[prefix + kPanels] = {DType::kU8, {length(arrays.panels)}, bytes_of(arrays.panels)};
  tensors[prefix + kFirsts] = {DType::kI64, {length(arrays.firsts)}, bytes_of(arrays.firsts)};
  tensors[prefix + kRows] = {DType::kI32, {length(arrays.rows)}, bytes_of(arrays.rows)};
  if (!arrays.bias.empty()) tensors[prefix + kBias] = {DType::kF32, {length(arrays.bias)}, bytes_of(arrays.bias)};
  tensors[prefix + kBlocks] = {DType::kF32, {length(arrays.blocks), kBlockNumbers}, bytes_of(arrays.blocks)};
}

bool has_int8_tensors(const std::string& prefix, const model_file::SafetensorsFile& file) {
  return file.tensors().contains(prefix + kPanels);
}

kernels::Int8Items int8_of(const std::string& prefix, const model_file::SafetensorsFile& file,
                           const std::filesystem::path& path, std::int64_t n_items, std::int64_t dim, bool has_bias) {
  const auto tensor = [&](const char* name, DType dtype, const std::vector<std::int64_t>& shape) {
    return file.expect(prefix + name, dtype, shape, kIndexRemedy);
  };
  kernels::Int8Items items;
  items.n_items = n_items;
  items.dim = dim;
  const auto blocks = tensor(kBlocks, DType::kF32, {-1, kBlockNumbers});
  items.n_blocks = blocks.shape[0];
  items.blocks = reinterpret_cast<const kernels::Int8Block*>(blocks.bytes.data());
  const auto firsts = tensor(kFirsts, DType::kI64, {items.n_blocks + 1});
  items.firsts = reinterpret_cast<const std::int64_t*>(firsts.bytes.data());
  const auto rows = tensor(kRows, DType::kI32, {-1});
  items.rows = reinterpret_cast<const std::int32_t*>(rows.bytes.data());
  const std::int64_t n_positions = rows.shape[0];
  if (has_bias) items.bias = reinterpret_cast<const float*>(tensor(kBias, DType::kF32, {n_positions}).bytes.data());
  const auto n_bytes = n_positions / kernels::kInt8PanelItems * items.panel_bytes() + kernels::kInt8PanelSlack;
  items.panels = reinterpret_cast<const std::uint8_t*>(tensor(kPanels, DType::kU8, {n_bytes}).bytes.data());

  // A scan trusts them.
  constexpr std::int64_t kAlignment = 2 * kernels::kInt8PanelItems;
  bool holds = items.firsts[0] == 0 && items.firsts[items.n_blocks] == n_positions;
  for (std::int64_t b = 0; b < items.n_blocks && holds; ++b) {
    const std::int64_t size = items.firsts[b + 1] - items.firsts[b];
    holds = size > 0 && size <= kernels::kInt8BlockItems && size % kAlignment == 0;
  }
  holds = holds && std::all_of(items.rows, items.rows + n_positions,
                               [&](std::int32_t row) { return row >= -1 && row < n_items; });
  if (!holds)
    throw DataError(path.string() + ": damaged: its " + prefix + " arrays contradict each other" + kIndexRemedy);
  return items;
}

void add_ivf_tensors(const kernels::IvfItemArrays& arrays, Tensors& tensors) {
  add_int8_tensors(kPromises, arrays.promises, tensors);
  tensors[kFirstBlocks] = {DType::kI64, {length(arrays.first_blocks)}, bytes_of(arrays.first_blocks)};
  add_int8_tensors(kLists, arrays.lists, tensors);
}

bool has_ivf_tensors(const model_file::SafetensorsFile& file) { return file.tensors().contains(kFirstBlocks); }

kernels::IvfItems ivf_of(const model_file::SafetensorsFile& file, const std::filesystem::path& path,
                         std::int64_t n_items, std::int64_t dim, bool has_bias) {
  const auto first_blocks = file.expect(kFirstBlocks, DType::kI64, {-1}, kIndexRemedy);
  kernels::IvfItems ivf;
  ivf.n_lists = first_blocks.shape[0] - 1;
  ivf.promises = int8_of(kPromises, file, path, ivf.n_lists, dim + 1, has_bias);
  ivf.first_blocks = reinterpret_cast<const std::int64_t*>(first_blocks.bytes.data());
  ivf.lists = int8_of(kLists, file, path, n_items, dim, has_bias);
  if (ivf.n_lists < 1 || ivf.first_blocks[0] != 0 || ivf.first_blocks[ivf.n_lists] != ivf.lists.n_blocks ||
      !std::is_sorted(ivf.first_blocks, ivf.first_blocks + ivf.n_lists + 1))
    throw DataError(path.string() + ": damaged: its lists contradict each other" + kIndexRemedy);
  return ivf;
}

}  // namespace segue::item_index
