#include "item_index/scan_tensors.h"

#include <algorithm>

#include "item_index/index_manifest.h"
#include "support/errors.h"

namespace segue::item_index {
namespace {

using model_file::DType;

constexpr const char* kPanels = "int8.panels";
constexpr const char* kRows = "int8.rows";
constexpr const char* kBias = "int8.bias";
constexpr const char* kBlocks = "int8.blocks";
constexpr std::int64_t kBlockNumbers = sizeof(kernels::Int8Block) / sizeof(float);

std::int64_t length(const auto& values) { return static_cast<std::int64_t>(values.size()); }

}  // namespace

void add_int8_tensors(const kernels::Int8ItemArrays& arrays, Tensors& tensors) {
  tensors[kPanels] = {DType::kU8, {length(arrays.panels)}, bytes_of(arrays.panels)};
  tensors[kRows] = {DType::kI32, {length(arrays.rows)}, bytes_of(arrays.rows)};
  if (!arrays.bias.empty()) tensors[kBias] = {DType::kF32, {length(arrays.bias)}, bytes_of(arrays.bias)};
  tensors[kBlocks] = {DType::kF32, {length(arrays.blocks), kBlockNumbers}, bytes_of(arrays.blocks)};
}

bool has_int8_tensors(const model_file::SafetensorsFile& file) { return file.tensors().contains(kPanels); }

kernels::Int8Items int8_of(const model_file::SafetensorsFile& file, const std::filesystem::path& path,
                           std::int64_t n_items, std::int64_t dim, bool has_bias) {
  kernels::Int8Items items;
  items.n_items = n_items;
  items.dim = dim;
  const std::int64_t n_blocks = items.n_blocks(), n_positions = n_blocks * kernels::kInt8BlockItems;
  const auto data = [&](const char* name, DType dtype, const std::vector<std::int64_t>& shape) {
    return file.expect(name, dtype, shape, kIndexRemedy).bytes.data();
  };
  items.panels = reinterpret_cast<const std::uint8_t*>(data(
      kPanels, DType::kU8, {n_blocks * kernels::kInt8BlockPanels * items.panel_bytes() + kernels::kInt8PanelSlack}));
  items.rows = reinterpret_cast<const std::int32_t*>(data(kRows, DType::kI32, {n_positions}));
  if (has_bias) items.bias = reinterpret_cast<const float*>(data(kBias, DType::kF32, {n_positions}));
  items.blocks = reinterpret_cast<const kernels::Int8Block*>(data(kBlocks, DType::kF32, {n_blocks, kBlockNumbers}));
  // A scan trusts them.
  if (std::any_of(items.rows, items.rows + n_positions, [&](std::int32_t row) { return row < -1 || row >= n_items; }))
    throw DataError(path.string() + ": damaged: its int8 copy names rows that are not there" + kIndexRemedy);
  return items;
}

}  // namespace segue::item_index
