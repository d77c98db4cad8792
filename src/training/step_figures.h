#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace segue::training {

/// What updates gave, kept where it was computed until it is asked for: fetching waits for a device, so that it is done
/// for many updates at a time.
class StepFigures {
 public:
  struct Figures {
    std::int64_t step, n_targets;
    double loss, gradient_norm;
  };
  /// @param loss, gradient_norm  without dimensions
  void add(std::int64_t step, std::int64_t n_targets, const at::Tensor& loss, const at::Tensor& gradient_norm);
  [[nodiscard]] std::int64_t n_waiting() const { return static_cast<std::int64_t>(waiting_.size()); }
  /// Those since the last call, in order; from a device in one copy.
  std::vector<Figures> fetch();

 private:
  std::vector<Figures> waiting_;  ///< their numbers lie in the tensors
  std::vector<at::Tensor> losses_, norms_;
};

}  // namespace segue::training
