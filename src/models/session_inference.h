#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "models/gru_session.h"
#include "models/inference.h"

namespace segue::models {

/// Of the GRU session model.
class SessionInference : public Inference {
 public:
  /// Copies and packs the parameters; make a new one when they changed.
  explicit SessionInference(const GruSession& model);
  ~SessionInference() override;
  void at_positions(const batching::Batch& batch, std::span<const std::int64_t> positions,
                    float* vectors) const override;
  [[nodiscard]] std::int64_t vector_dim() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::models
