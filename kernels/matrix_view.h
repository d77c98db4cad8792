#pragma once

#include <cstdint>

#include "kernels/host_device.h"

namespace segue::kernels {

/// A row-major matrix that somebody else owns: `n_rows` rows of `n_cols` contiguous elements.
template <typename T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t n_rows = 0;
  std::int64_t n_cols = 0;
  [[nodiscard]] SEGUE_HOST_DEVICE T* row(std::int64_t i) const { return data + i * n_cols; }
};

}  // namespace segue::kernels
