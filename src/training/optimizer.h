#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "training/training_options.h"

namespace segue::training {

/// AdamW, Adagrad (with momentum) and SGD with momentum, one pass over each parameter:
///
///   AdamW    m += (1 - b1)(g - m);  v = b2 v + (1 - b2) g^2;  p = (1 - lr wd) p - lr (m / (1 - b1^t)) / (sqrt(v / (1 -
///   b2^t)) + eps) Adagrad  a += g^2;  u = momentum u - lr g / sqrt(a + eps);  p = (1 - lr wd) p + u SGD      u =
///   momentum u + g;  p = (1 - lr wd) p - lr u
///
/// A row-sparse gradient (COO over the first dimension) updates its rows alone, state included: the other rows keep
/// their state and do not move (lazy semantics: Adam's means do not decay for them; t is the global step count). Weight
/// decay applies to matrices of the body alone: not to embeddings, norms, biases and other vectors.
class Optimizer {
 public:
  using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

  Optimizer(Parameters parameters, const TrainingOptions& options);

  /// Clips the gradients to options.max_gradient_norm in global norm and updates every parameter that has a gradient;
  /// then forgets the gradients.
  /// @param step  from 1; Adam's bias correction
  /// @return      global norm of the gradient before clipping; not finite: nothing was updated
  double step(std::int64_t step, double learning_rate);

  /// State by "<parameter>.<slot>", slots in use only: the tensors themselves.
  [[nodiscard]] std::map<std::string, at::Tensor> state() const;

  /// Whether weight decay applies to a parameter of this name and rank.
  static bool decays(const std::string& name, std::int64_t n_dims);

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter, first, second;  // AdamW: mean, square; Adagrad: velocity, square; SGD: velocity
    float weight_decay = 0;
  };
  /// A gradient ready to be applied: dense, or rows in rising order, each once. On a CPU the gradient of rows[r] is
  /// values[places[r]], where the addends of a row that came several times were summed in place; elsewhere values[r].
  struct Gradient {
    at::Tensor dense;
    at::Tensor rows, values;
    std::vector<std::int64_t> places;
  };
  static Gradient prepare(const at::Tensor& gradient);
  static double squared_norm_of(const Gradient& gradient);
  void update(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate,
              float gradient_scale) const;
  void update_on_device(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate,
                        double gradient_scale) const;

  TrainingOptions options_;
  std::vector<Slot> slots_;
};

/// The learning rate of `step` (from 1) out of `n_steps`: a linear warm-up, then constant or a cosine down to
/// final_learning_rate times learning_rate.
double scheduled_learning_rate(const TrainingOptions& options, std::int64_t step, std::int64_t n_steps);

}  // namespace segue::training
