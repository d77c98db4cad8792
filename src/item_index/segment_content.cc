#include "item_index/segment_content.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "item_index/segment.h"
#include "kernels/metric.h"
#include "support/errors.h"

namespace segue::item_index {
namespace {

bool is_finite(const float* values, std::int64_t n) {
  return std::all_of(values, values + n, [](float value) { return std::isfinite(value); });
}

void require_finite(const kernels::ItemVectors& vectors, const std::string& origin) {
  kernels::FloatRows widened(vectors);
  for (std::int64_t row = 0; row < vectors.n_rows; ++row) {
    if (!is_finite(widened.row(row), vectors.n_cols))
      throw DataError(origin + ": row " + std::to_string(row) + " (from 0) holds a number beyond the range of " +
                      kernels::name_of(vectors.dtype) + ": choose another index.dtype, or scale the vectors down");
  }
}

}  // namespace

PreparedVectors::PreparedVectors(const NewItems& items, const IndexOptions& options, int n_threads)
    : bias_(items.bias) {
  auto rows = items.vectors;
  if (rows.n_rows < 1 || rows.n_cols < 1) throw std::invalid_argument("an index is made of one vector at least");
  if (options.metric == kernels::Metric::kCosine) {
    rows_.assign(rows.data, rows.data + rows.n_rows * rows.n_cols);
    kernels::prepare_rows(options.metric, {rows_.data(), rows.n_rows, rows.n_cols});
    rows.data = rows_.data();
  }
  vectors_ = rows;
  if (options.dtype != kernels::DType::kFloat32) {
    narrowed_ = kernels::convert_rows(rows, options.dtype, n_threads);
    vectors_ = narrowed_.view();
    require_finite(vectors_, items.origin);
  }
  if (options.metric != kernels::Metric::kL2) return;
  if (items.bias != nullptr) throw std::invalid_argument("items with a bias have no distances");
  norms_ = kernels::metric_bias(options.metric, vectors_, n_threads);
  bias_ = norms_.data();
  for (std::size_t row = 0; row < norms_.size(); ++row) {
    if (!std::isfinite(norms_[row]))
      throw DataError(items.origin + ": row " + std::to_string(row) +
                      " (from 0) is so long that its distances leave float32: scale the vectors down");
  }
}

GatheredItems::GatheredItems(kernels::DType dtype, std::int64_t dim, std::int64_t n_items) {
  vectors_.dtype = dtype;
  vectors_.n_cols = dim;
  vectors_.elements.reserve(static_cast<std::size_t>(n_items * dim * kernels::bytes_of(dtype)));
  ids_.reserve(static_cast<std::size_t>(n_items));
}

void GatheredItems::add(const Segment& segment, std::int64_t row) {
  const auto& items = segment.items();
  const auto* from = static_cast<const std::byte*>(items.vectors.row(row));
  vectors_.elements.insert(vectors_.elements.end(), from,
                           from + items.vectors.n_cols * kernels::bytes_of(items.vectors.dtype));
  if (items.vectors.scales != nullptr) vectors_.scales.push_back(items.vectors.scales[row]);
  if (items.bias != nullptr) bias_.push_back(items.bias[row]);
  ids_.push_back(segment.ids()[static_cast<std::size_t>(row)]);
  ++vectors_.n_rows;
}

SegmentContent GatheredItems::content() const {
  return {vectors_.view(), bias_.empty() ? nullptr : bias_.data(), ids_};
}

}  // namespace segue::item_index
