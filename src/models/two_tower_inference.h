#pragma once

#include <memory>

#include "models/inference.h"
#include "models/two_tower.h"

namespace segue::models {

/// The user tower on a CPU by own arithmetic. A request's example age is 0.
class TwoTowerInference : public Inference {
 public:
  /// Copies the parameters.
  explicit TwoTowerInference(const TwoTower& model);
  ~TwoTowerInference() override;
  void at_positions(const batching::Batch& batch, std::span<const std::int64_t> positions,
                    float* vectors) const override;
  [[nodiscard]] std::int64_t vector_dim() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::models
