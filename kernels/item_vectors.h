#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/dtype.h"
#include "kernels/matrix_view.h"

namespace segue::kernels {

inline constexpr std::int64_t kMaxInt8VectorDim = 16384;  ///< sums of more products could leave an int32

/// Vectors of items that somebody else owns, [n_rows, n_cols], in one of four dtypes; aligned as their elements.
///
/// The kernels read the fields alone: their files hold no inline code that others have, too.
struct ItemVectors {
  ItemVectors() = default;
  ItemVectors(MatrixView<const float> rows) : ItemVectors(rows.data, rows.n_rows, rows.n_cols) {}  // NOLINT(*explicit*)
  ItemVectors(const float* float32, std::int64_t of_rows, std::int64_t of_cols)
      : data(float32), n_rows(of_rows), n_cols(of_cols) {}
  ItemVectors(const void* elements, DType of_dtype, std::int64_t of_rows, std::int64_t of_cols,
              std::int64_t of_stride = 0, const float* of_scales = nullptr)
      : data(elements), n_rows(of_rows), n_cols(of_cols), row_stride(of_stride), dtype(of_dtype), scales(of_scales) {}

  const void* data = nullptr;
  std::int64_t n_rows = 0;
  std::int64_t n_cols = 0;
  std::int64_t row_stride = 0;  ///< elements from a row to the next, n_cols at least; 0: n_cols
  DType dtype = DType::kFloat32;
  const float* scales = nullptr;  ///< int8 alone: [n_rows]; see to_int8()

  [[nodiscard]] std::int64_t stride() const { return row_stride == 0 ? n_cols : row_stride; }
  /// The first element of a row.
  [[nodiscard]] const void* row(std::int64_t i) const {
    return static_cast<const std::byte*>(data) + i * stride() * bytes_of(dtype);
  }
};

/// Refuses what no entry can take, naming `entry`: extents outside [0, 2^31), no data, a stride below n_cols, int8
/// without scales or of more than kMaxInt8VectorDim dimensions, scales of another dtype.
/// @throws std::invalid_argument
void require_well_formed(const ItemVectors& vectors, const std::string& entry);

/// Reads rows as float32, whatever their dtype: exactly what is stored, int8 as level * scale rounded once.
class FloatRows {
 public:
  explicit FloatRows(const ItemVectors& vectors);
  /// [n_cols], until the next call. Cost: nothing for float32, else a pass over the row.
  const float* row(std::int64_t i);

 private:
  ItemVectors vectors_;
  std::vector<float> widened_;
};

/// Owns the arrays of an ItemVectors.
struct ItemVectorArrays {
  std::vector<std::byte> elements;
  std::vector<float> scales;
  DType dtype = DType::kFloat32;
  std::int64_t n_rows = 0, n_cols = 0;

  [[nodiscard]] ItemVectors view() const {
    return {elements.data(), dtype, n_rows, n_cols, 0, dtype == DType::kInt8 ? scales.data() : nullptr};
  }
};

/// Rounds rows to `dtype`, dense, by the rules of kernels/dtype.h. Cost: a pass over the rows. The bytes do not depend
/// on `n_threads`.
/// @throws std::invalid_argument  int8 of more than kMaxInt8VectorDim dimensions
ItemVectorArrays convert_rows(MatrixView<const float> rows, DType dtype, int n_threads);

}  // namespace segue::kernels
