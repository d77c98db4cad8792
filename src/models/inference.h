#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "batching/batch.h"
#include "models/gru_session.h"

namespace segue::models {

/// The forward pass of a session model for inference on a CPU, by own arithmetic. The bits of a sequence's vector do
/// not depend on the other sequences of the batch, its row, the size of the batch or the number of threads (at a given
/// build and instruction set), so blocks need no padding. Every call runs on the calling thread; run many side by side
/// (const, thread-safe).
class SessionInference {
 public:
  /// Copies and packs the parameters; make a new one when they changed.
  explicit SessionInference(const GruSession& model);
  ~SessionInference();
  SessionInference(SessionInference&&) noexcept;
  /// Session vectors after the last event of each batch row (in the order of batch.sequences), into [batch, e].
  void last(const batching::Batch& batch, float* vectors) const;
  /// Session vectors at packed positions, into [positions.size(), e].
  void at_positions(const batching::Batch& batch, std::span<const std::int64_t> positions, float* vectors) const;
  [[nodiscard]] std::int64_t vector_dim() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::models
