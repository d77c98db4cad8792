#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/row_look_up.h"
#include "training/training_options.h"

namespace segue::training {

/// AdamW, Adagrad (with momentum) and SGD with momentum, one pass over each parameter:
///
///   AdamW    m += (1 - b1)(g - m);  v = b2 v + (1 - b2) g^2;  p = (1 - lr wd) p - lr (m / (1 - b1^t)) / (sqrt(v / (1 -
///   b2^t)) + eps) Adagrad  a += g^2;  u = momentum u - lr g / sqrt(a + eps);  p = (1 - lr wd) p + u SGD      u =
///   momentum u + g;  p = (1 - lr wd) p - lr u
///
/// A row-sparse gradient (row gradients, or COO over the first dimension) updates its rows alone, state included: the
/// other rows keep their state and do not move (lazy semantics: Adam's means do not decay for them; t is the global
/// step count). Weight decay applies to matrices of the body alone: not to embeddings, norms, biases and other vectors.
class Optimizer {
 public:
  using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

  Optimizer(Parameters parameters, const TrainingOptions& options);

  /// Clips the gradients to options.max_gradient_norm in global norm and updates every parameter that has a gradient;
  /// then forgets the gradients.
  /// @param step           from 1; Adam's bias correction
  /// @param row_gradients  of tables that were read by rows, by the name of the parameter; overwritten
  /// @return               global norm of the gradient before clipping, no dimensions, float64, where the parameters
  ///                       lie: reading it waits for a device. Not finite: on a CPU nothing was updated where there is
  ///                       a max_gradient_norm; without one, and on a device, which is not asked before it goes on, the
  ///                       parameters are lost
  at::Tensor step(std::int64_t step, double learning_rate, models::RowGradients row_gradients = {});

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
  /// A gradient ready to be applied: dense, or rows in rising order, each once.
  struct Gradient {
    at::Tensor dense;
    // On a CPU: where the values of each row lie, in `held`. Addends of a row that came several times are summed there.
    std::vector<std::int64_t> rows;
    std::vector<float*> values;
    std::int64_t width = 0;
    std::vector<at::Tensor> held;
    // Elsewhere: a row that came several times stands there as often, each time with the sum of its values, and once
    // in `device_sums`, which is filled up with zeros. How many there are is known to the device alone.
    at::Tensor device_rows, device_values, device_sums;
    [[nodiscard]] bool empty() const { return !dense.defined() && rows.empty() && !device_rows.defined(); }
  };
  static Gradient prepare(const at::Tensor& gradient, std::vector<models::RowGradient> pieces);
  static Gradient prepare_rows(std::vector<models::RowGradient> pieces);
  static double squared_norm_of(const Gradient& gradient);
  static at::Tensor squared_norm_on_device(const Gradient& gradient);
  double step_on_cpu(std::vector<Gradient> gradients, std::int64_t step, double learning_rate);
  at::Tensor step_on_device(const std::vector<Gradient>& gradients, std::int64_t step, double learning_rate);
  /// @param measure  whether to return the sum of squares of the gradient, taken while it is at hand; else 0
  double update(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate, float gradient_scale,
                bool measure) const;
  /// @param gradient_scale  no dimensions, or undefined: 1
  void update_on_device(Slot& slot, const Gradient& gradient, std::int64_t step, double learning_rate,
                        const at::Tensor& gradient_scale) const;

  TrainingOptions options_;
  std::vector<Slot> slots_;
};

/// The learning rate of `step` (from 1) out of `n_steps`: a linear warm-up, then constant or a cosine down to
/// final_learning_rate times learning_rate.
double scheduled_learning_rate(const TrainingOptions& options, std::int64_t step, std::int64_t n_steps);

}  // namespace segue::training
