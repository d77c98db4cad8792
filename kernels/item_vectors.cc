#include "kernels/item_vectors.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "kernels/cpu/workers.h"

namespace segue::kernels {
namespace {

constexpr std::int64_t kMaxExtent = std::numeric_limits<std::int32_t>::max();

void require(bool holds, const std::string& entry, const std::string& message) {
  if (!holds) throw std::invalid_argument(entry + ": " + message);
}

template <class T>
void widen(const void* from, std::int64_t n, float* to) {
  const auto* values = static_cast<const T*>(from);
  std::transform(values, values + n, to, [](T value) { return to_float32(value); });
}

/// Returns the row's scale, 1 where the dtype has none.
float convert_row(const float* from, DType dtype, std::int64_t n, void* to) {
  switch (dtype) {
    case DType::kFloat32: std::copy_n(from, n, static_cast<float*>(to)); break;
    case DType::kBFloat16: std::transform(from, from + n, static_cast<BFloat16*>(to), to_bfloat16); break;
    case DType::kFloat16: std::transform(from, from + n, static_cast<Float16*>(to), to_float16); break;
    case DType::kInt8: return to_int8(from, n, static_cast<std::int8_t*>(to));
  }
  return 1;
}

}  // namespace

void require_well_formed(const ItemVectors& vectors, const std::string& entry) {
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  const bool int8 = vectors.dtype == DType::kInt8;
  require(vectors.dtype >= DType::kFloat32 && vectors.dtype <= DType::kInt8, entry, "items have no known dtype");
  require(vectors.n_rows >= 0 && vectors.n_cols >= 0 && vectors.n_rows <= kMaxExtent && vectors.n_cols <= kMaxExtent,
          entry,
          "items are [" + number(vectors.n_rows) + ", " + number(vectors.n_cols) +
              "], and each extent must be in [0, 2^31)");
  require(vectors.row_stride == 0 || (vectors.row_stride >= vectors.n_cols && vectors.row_stride <= kMaxExtent), entry,
          "items have " + number(vectors.n_cols) + " dimensions and a row stride of " + number(vectors.row_stride) +
              " elements; it must be that many at least and below 2^31, or 0 for dense rows");
  const bool empty = vectors.n_rows == 0 || vectors.n_cols == 0;
  require(vectors.data != nullptr || empty, entry, "items have no data");
  require(!int8 || vectors.scales != nullptr || vectors.n_rows == 0, entry,
          "int8 items have no scales; to_int8() gives the scale of each row");
  require(int8 || vectors.scales == nullptr, entry,
          std::string(name_of(vectors.dtype)) + " items have scales, which belong to int8 alone");
  require(!int8 || vectors.n_cols <= kMaxInt8VectorDim, entry,
          "int8 items have " + number(vectors.n_cols) + " dimensions, and can have " + number(kMaxInt8VectorDim) +
              " at most; use bfloat16");
}

FloatRows::FloatRows(const ItemVectors& vectors)
    : vectors_(vectors), widened_(vectors.dtype == DType::kFloat32 ? 0 : static_cast<std::size_t>(vectors.n_cols)) {}

const float* FloatRows::row(std::int64_t i) {
  const void* stored = vectors_.row(i);
  switch (vectors_.dtype) {
    case DType::kFloat32: return static_cast<const float*>(stored);
    case DType::kBFloat16: widen<BFloat16>(stored, vectors_.n_cols, widened_.data()); break;
    case DType::kFloat16: widen<Float16>(stored, vectors_.n_cols, widened_.data()); break;
    case DType::kInt8: {
      const auto* levels = static_cast<const std::int8_t*>(stored);
      std::transform(levels, levels + vectors_.n_cols, widened_.data(),
                     [scale = vectors_.scales[i]](std::int8_t level) { return static_cast<float>(level) * scale; });
    }
  }
  return widened_.data();
}

ItemVectorArrays convert_rows(MatrixView<const float> rows, DType dtype, int n_threads) {
  require_well_formed(rows, "convert_rows");
  require(dtype != DType::kInt8 || rows.n_cols <= kMaxInt8VectorDim, "convert_rows",
          std::to_string(rows.n_cols) + " dimensions, and int8 items can have " + std::to_string(kMaxInt8VectorDim) +
              " at most; use bfloat16");
  ItemVectorArrays made;
  made.dtype = dtype;
  made.n_rows = rows.n_rows;
  made.n_cols = rows.n_cols;
  const std::int64_t row_bytes = rows.n_cols * bytes_of(dtype);
  made.elements.resize(static_cast<std::size_t>(rows.n_rows * row_bytes));
  if (dtype == DType::kInt8) made.scales.resize(static_cast<std::size_t>(rows.n_rows));
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(rows.n_rows, 1, n_threads));
  cpu::run_workers(n_workers, [&](int worker) {
    const std::int64_t end = cpu::part_begin(rows.n_rows, 1, worker + 1, n_workers);
    for (std::int64_t i = cpu::part_begin(rows.n_rows, 1, worker, n_workers); i < end; ++i) {
      const float scale = convert_row(rows.row(i), dtype, rows.n_cols, made.elements.data() + i * row_bytes);
      if (dtype == DType::kInt8) made.scales[static_cast<std::size_t>(i)] = scale;
    }
  });
  return made;
}

}  // namespace segue::kernels
