#pragma once

#include <ATen/ATen.h>

namespace segue::models {

/// One GRU layer over packed sequences, torch's formula and weight layout (docs of torch.nn.GRU), initial state zero.
///
/// On a CPU: one GEMM projects the inputs of all steps, each step is one GEMM over the sequences still running and one
/// fused vectorised pass over the gates; the backward recomputes nothing. On a CUDA device: torch's packed GRU (cuDNN).
///
/// @param input        [n_positions, in] float32, packed as in batching::Batch
/// @param batch_sizes  [n_steps] int64 on the CPU, falling
/// @param weight_ih    [3H, in];  weight_hh [3H, H];  bias_ih, bias_hh [3H]; gate order r, z, n
/// @param bf16         GEMMs take bfloat16 inputs and sum in float32
/// @return hidden states, [n_positions, H]
at::Tensor gru_layer(const at::Tensor& input, const at::Tensor& batch_sizes, const at::Tensor& weight_ih,
                     const at::Tensor& weight_hh, const at::Tensor& bias_ih, const at::Tensor& bias_hh,
                     bool bf16 = false);

}  // namespace segue::models
