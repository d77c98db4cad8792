// LibTorch asks every device but the CPU for a fused GRU cell (at::gru without cuDNN), so the test device needs one.
#include <torch/library.h>

#include <tuple>

#include "tests/test_device/lending.h"

namespace segue::test_device {
namespace {

struct Gates {
  at::Tensor reset, update, next;
  explicit Gates(const at::Tensor& all) {
    const auto parts = all.unsafe_chunk(3, 1);
    reset = parts[0], update = parts[1], next = parts[2];
  }
};

/// @return the new state, and what the backward pass reads: [n, 5H] of reset, update, next, state and the hidden part
/// of next
std::tuple<at::Tensor, at::Tensor> cell(const at::Tensor& from_input, const at::Tensor& from_state,
                                        const at::Tensor& state, const std::optional<at::Tensor>& input_bias,
                                        const std::optional<at::Tensor>& state_bias) {
  const Gates x(input_bias && input_bias->defined() ? from_input + *input_bias : from_input);
  const Gates h(state_bias && state_bias->defined() ? from_state + *state_bias : from_state);
  const at::Tensor reset = at::sigmoid(h.reset + x.reset), update = at::sigmoid(h.update + x.update);
  const at::Tensor next = at::tanh(x.next + h.next * reset);
  return {(state - next) * update + next, at::cat({reset, update, next, state, h.next}, 1)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> cell_backward(const at::Tensor& gradient,
                                                                                     const at::Tensor& saved,
                                                                                     bool has_bias) {
  const auto parts = saved.unsafe_chunk(5, 1);
  const at::Tensor &reset = parts[0], &update = parts[1], &next = parts[2], &state = parts[3], &hidden_next = parts[4];
  const at::Tensor to_next = gradient * (1 - update) * (1 - next * next);
  const at::Tensor to_update = gradient * (state - next) * update * (1 - update);
  const at::Tensor to_reset = to_next * hidden_next * reset * (1 - reset);
  const at::Tensor to_input = at::cat({to_reset, to_update, to_next}, 1);
  const at::Tensor to_state = at::cat({to_reset, to_update, to_next * reset}, 1);
  return {to_input, to_state, gradient * update, has_bias ? to_input.sum(0) : at::Tensor(),
          has_bias ? to_state.sum(0) : at::Tensor()};
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("_thnn_fused_gru_cell", &cell);
  library.impl("_thnn_fused_gru_cell_backward", &cell_backward);
}

}  // namespace segue::test_device
