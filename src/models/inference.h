#pragma once

#include <cstdint>
#include <span>

#include "batching/batch.h"

namespace segue::models {

/// The forward pass of a model for inference on a CPU, by own arithmetic. The bits of a sequence's vector do not depend
/// on the other sequences of the batch, its row, the size of the batch or the number of threads (at a given build and
/// instruction set), so blocks need no padding. Every call runs on the calling thread; run many side by side (const,
/// thread-safe).
class Inference {
 public:
  virtual ~Inference() = default;
  /// Vectors at packed positions, into [positions.size(), e].
  virtual void at_positions(const batching::Batch& batch, std::span<const std::int64_t> positions,
                            float* vectors) const = 0;
  /// Vectors after the last event of each batch row (in the order of batch.sequences), into [batch, e].
  void last(const batching::Batch& batch, float* vectors) const {
    at_positions(batch, batch.last_positions(), vectors);
  }
  [[nodiscard]] virtual std::int64_t vector_dim() const = 0;
};

}  // namespace segue::models
