#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/packed_linear.h"

namespace segue::models {

/// One GRU layer over packed sequences by own arithmetic (formula: gru_layer.h): a row's states do not depend on the
/// rows beside it, nor on the number of threads.
class PackedGru {
 public:
  PackedGru() = default;
  /// @param weight_ih [3H, in];  weight_hh [3H, H];  bias_ih, bias_hh [3H]
  PackedGru(const float* weight_ih, const float* weight_hh, const float* bias_ih, const float* bias_hh,
            std::int64_t hidden, std::int64_t n_in);
  /// @param batch_sizes  [n_steps], falling (batching::Batch)
  /// @param x            [n_positions, in]
  /// @param prepare      changes a copy of rows of x before they are read, [n, in]; may be empty
  /// @param states       [n_positions, H], not overlapping x. On the calling thread; const, so safe side by side.
  void apply(std::span<const std::int64_t> batch_sizes, const float* x,
             const std::function<void(float* rows, std::int64_t n)>& prepare, float* states) const;
  [[nodiscard]] std::int64_t hidden() const { return hidden_; }

 private:
  std::int64_t hidden_ = 0, n_in_ = 0;
  PackedLinear ih_, hh_;
  std::vector<float> bias_hh_;
};

}  // namespace segue::models
