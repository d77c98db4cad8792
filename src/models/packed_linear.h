#pragma once

#include <cstdint>

#include "kernels/aligned_vector.h"

namespace segue::models {

/// y = x W' + b by own arithmetic: every output is bias, then fused multiply-adds over the inputs in rising order,
/// whatever the other rows are. So a row's result does not depend on its neighbours, its place, or the number of
/// threads.
class PackedLinear {
 public:
  PackedLinear() = default;
  /// @param weight [n_out, n_in];  bias [n_out]
  PackedLinear(const float* weight, const float* bias, std::int64_t n_out, std::int64_t n_in);
  /// @param x [n_rows, n_in];  y [n_rows, n_out], not overlapping x. On the calling thread; const, so safe side by
  /// side.
  void apply(const float* x, std::int64_t n_rows, float* y) const;
  [[nodiscard]] std::int64_t n_out() const { return n_out_; }
  [[nodiscard]] bool empty() const { return n_out_ == 0; }

 private:
  std::int64_t n_out_ = 0, n_in_ = 0;
  kernels::AlignedVector<float>
      panels_;  // [ceil(n_out / 32), n_in + 1, 32]: the bias, then a row an input; padded with zeros
};

}  // namespace segue::models
