#include "models/gru_layer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "models/gru_gates.h"
#include "models/packed_steps.h"

namespace segue::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// a b, with inputs rounded to bfloat16 if asked. LibTorch 2.11 sums such a product in float32 but gives it out in
/// bfloat16 on a CPU, so the result is rounded once more; the recurrent product, whose errors add up over steps, stays
/// in float32.
at::Tensor product(const at::Tensor& a, const at::Tensor& b, bool bf16) {
  return bf16 ? at::mm(a.to(at::kBFloat16), b.to(at::kBFloat16)).to(at::kFloat) : at::mm(a, b);
}

struct Weights {
  at::Tensor ih, hh, bias_ih, bias_hh;
};

/// Hidden states of all positions; `saved` [n_positions, 4H] if the backward will need it, else undefined.
template <class T>
at::Tensor run_forward(const at::Tensor& input, const PackedSteps& steps, const Weights& weights,
                       const at::Tensor& saved, bool bf16) {
  const std::int64_t hidden = weights.hh.size(1);
  const at::Tensor from_input = bf16 ? product(input, weights.ih.t(), true).add_(weights.bias_ih)
                                     : at::addmm(weights.bias_ih, input, weights.ih.t());
  const at::Tensor states = at::empty({input.size(0), hidden}, input.options());
  at::Tensor from_state = at::empty({steps.sizes[0], 3 * hidden}, input.options());
  const at::Tensor transposed = weights.hh.t();
  for (std::size_t t = 0; t < steps.count(); ++t) {
    GateForward<T> step;
    step.n_rows = steps.sizes[t];
    step.hidden = hidden;
    step.from_input = from_input.const_data_ptr<T>() + steps.begins[t] * 3 * hidden;
    step.from_state = weights.bias_hh.const_data_ptr<T>();
    if (t > 0) {
      at::Tensor rows = from_state.narrow(0, 0, step.n_rows);
      at::addmm_out(rows, weights.bias_hh, states.narrow(0, steps.begins[t - 1], step.n_rows), transposed);
      step.from_state = from_state.const_data_ptr<T>();
      step.state = states.const_data_ptr<T>() + steps.begins[t - 1] * hidden;
    }
    step.next_state = states.mutable_data_ptr<T>() + steps.begins[t] * hidden;
    if (saved.defined()) step.saved = saved.mutable_data_ptr<T>() + steps.begins[t] * 4 * hidden;
    gate_forward(step);
  }
  return states;
}

/// The state before each position of the steps from the second on, [n_positions - sizes[0], H].
at::Tensor states_before(const at::Tensor& states, const PackedSteps& steps) {
  const std::int64_t n = states.size(0) - steps.sizes[0];
  if (steps.sizes.front() == steps.sizes.back()) return states.narrow(0, 0, n);
  std::vector<at::Tensor> parts;
  for (std::size_t t = 1; t < steps.count(); ++t)
    parts.push_back(states.narrow(0, steps.begins[t - 1], steps.sizes[t]));
  return at::cat(parts, 0);
}

template <class T>
variable_list run_backward(const at::Tensor& gradient, const at::Tensor& input, const PackedSteps& steps,
                           const Weights& weights, const at::Tensor& states, const at::Tensor& saved, bool bf16,
                           bool input_gradient) {
  const std::int64_t hidden = weights.hh.size(1), n_positions = input.size(0);
  const at::Tensor to_input = at::empty({n_positions, 3 * hidden}, input.options());
  const at::Tensor to_state = at::empty({n_positions, 3 * hidden}, input.options());
  const at::Tensor carry = at::empty({steps.sizes[0], hidden}, input.options());
  for (std::size_t t = steps.count(); t-- > 0;) {
    GateBackward<T> step;
    step.n_rows = steps.sizes[t];
    step.hidden = hidden;
    step.n_carried = t + 1 < steps.count() ? steps.sizes[t + 1] : 0;
    step.gradient = gradient.const_data_ptr<T>() + steps.begins[t] * hidden;
    step.saved = saved.const_data_ptr<T>() + steps.begins[t] * 4 * hidden;
    if (t > 0) step.state = states.const_data_ptr<T>() + steps.begins[t - 1] * hidden;
    step.carry = carry.mutable_data_ptr<T>();
    step.gradient_from_input = to_input.mutable_data_ptr<T>() + steps.begins[t] * 3 * hidden;
    step.gradient_from_state = to_state.mutable_data_ptr<T>() + steps.begins[t] * 3 * hidden;
    gate_backward(step);
    if (t > 0) {
      carry.narrow(0, 0, step.n_rows).addmm_(to_state.narrow(0, steps.begins[t], step.n_rows), weights.hh);
    }
  }
  const std::int64_t first = steps.sizes[0];
  at::Tensor weight_hh = steps.count() > 1 ? product(to_state.narrow(0, first, n_positions - first).t(),
                                                     states_before(states, steps), bf16)
                                           : at::zeros_like(weights.hh);
  return {input_gradient ? product(to_input, weights.ih, bf16) : at::Tensor(),
          at::Tensor(),
          product(to_input.t(), input, bf16),
          weight_hh,
          to_input.sum(0),
          to_state.sum(0),
          at::Tensor()};
}

class GruFunction : public torch::autograd::Function<GruFunction> {
 public:
  static Variable forward(AutogradContext* context, const Variable& input, const at::Tensor& batch_sizes,
                          const Variable& weight_ih, const Variable& weight_hh, const Variable& bias_ih,
                          const Variable& bias_hh, bool bf16) {
    const PackedSteps steps(batch_sizes);
    const at::Tensor saved = at::empty({input.size(0), 4 * weight_hh.size(1)}, input.options());
    const Weights weights{weight_ih, weight_hh, bias_ih, bias_hh};
    const at::Tensor states = input.scalar_type() == at::kFloat
                                  ? run_forward<float>(input, steps, weights, saved, bf16)
                                  : run_forward<double>(input, steps, weights, saved, false);
    context->save_for_backward({input, batch_sizes, weight_ih, weight_hh, states, saved});
    context->saved_data["bf16"] = bf16;
    return states;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list values = context->get_saved_variables();
    const at::Tensor& input = values[0];
    const PackedSteps steps(values[1]);
    const Weights weights{values[2], values[3], {}, {}};
    const at::Tensor gradient = gradients[0].contiguous();
    const bool bf16 = context->saved_data["bf16"].toBool() && input.scalar_type() == at::kFloat;
    const bool input_gradient = context->needs_input_grad(0);
    return input.scalar_type() == at::kFloat
               ? run_backward<float>(gradient, input, steps, weights, values[4], values[5], bf16, input_gradient)
               : run_backward<double>(gradient, input, steps, weights, values[4], values[5], bf16, input_gradient);
  }
};

void check(const at::Tensor& input, const at::Tensor& batch_sizes, const Weights& weights) {
  const std::int64_t hidden = weights.hh.dim() == 2 ? weights.hh.size(1) : 0;
  const bool shapes = input.dim() == 2 && weights.ih.dim() == 2 && hidden > 0 && weights.hh.size(0) == 3 * hidden &&
                      weights.ih.size(0) == 3 * hidden && weights.ih.size(1) == input.size(1) &&
                      weights.bias_ih.numel() == 3 * hidden && weights.bias_hh.numel() == 3 * hidden;
  if (!shapes) throw std::invalid_argument("gru_layer: shapes of input, weights and biases disagree");
  if (batch_sizes.dim() != 1 || batch_sizes.size(0) < 1 || batch_sizes.scalar_type() != at::kLong ||
      !batch_sizes.is_cpu()) {
    throw std::invalid_argument("gru_layer: batch_sizes must be int64 on the CPU, with at least one step");
  }
  const auto* sizes = batch_sizes.const_data_ptr<std::int64_t>();
  std::int64_t sum = 0;
  for (std::int64_t t = 0; t < batch_sizes.size(0); ++t) {
    if (sizes[t] < 1 || (t > 0 && sizes[t] > sizes[t - 1]))
      throw std::invalid_argument("gru_layer: batch_sizes must fall");
    sum += sizes[t];
  }
  if (sum != input.size(0))
    throw std::invalid_argument("gru_layer: batch_sizes do not sum to the positions of the input");
}

}  // namespace

at::Tensor gru_layer(const at::Tensor& input, const at::Tensor& batch_sizes, const at::Tensor& weight_ih,
                     const at::Tensor& weight_hh, const at::Tensor& bias_ih, const at::Tensor& bias_hh, bool bf16) {
  const Weights weights{weight_ih, weight_hh, bias_ih, bias_hh};
  check(input, batch_sizes, weights);
  if (!input.is_cpu()) {
    const std::int64_t n_rows = batch_sizes.const_data_ptr<std::int64_t>()[0];
    const auto compute = bf16 ? at::kBFloat16 : input.scalar_type();
    const auto as = [&](const at::Tensor& tensor) { return tensor.to(compute); };
    const at::Tensor initial = at::zeros({1, n_rows, weight_hh.size(1)}, input.options().dtype(compute));
    return std::get<0>(
               at::gru(as(input), batch_sizes, initial, {as(weight_ih), as(weight_hh), as(bias_ih), as(bias_hh)},
                       /*has_biases=*/true, /*num_layers=*/1, /*dropout=*/0.0, /*train=*/true, /*bidirectional=*/false))
        .to(input.scalar_type());
  }
  if (input.scalar_type() != at::kFloat && input.scalar_type() != at::kDouble) {
    throw std::invalid_argument("gru_layer: float32 or float64 on the CPU");
  }
  const at::Tensor dense = input.contiguous();
  const bool gradient =
      at::GradMode::is_enabled() && (input.requires_grad() || weight_ih.requires_grad() || weight_hh.requires_grad() ||
                                     bias_ih.requires_grad() || bias_hh.requires_grad());
  if (gradient) return GruFunction::apply(dense, batch_sizes, weight_ih, weight_hh, bias_ih, bias_hh, bf16);
  const PackedSteps steps(batch_sizes);
  return dense.scalar_type() == at::kFloat ? run_forward<float>(dense, steps, weights, {}, bf16)
                                           : run_forward<double>(dense, steps, weights, {}, false);
}

}  // namespace segue::models
