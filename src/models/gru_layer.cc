#include "models/gru_layer.h"

namespace segue::models {

at::Tensor gru_layer(const at::Tensor& input, const at::Tensor& batch_sizes, const at::Tensor& weight_ih,
                     const at::Tensor& weight_hh, const at::Tensor& bias_ih, const at::Tensor& bias_hh, bool /*bf16*/) {
  const std::int64_t n_rows = batch_sizes.const_data_ptr<std::int64_t>()[0];
  const at::Tensor initial = at::zeros({1, n_rows, weight_hh.size(1)}, input.options());
  return std::get<0>(at::gru(input, batch_sizes, initial, {weight_ih, weight_hh, bias_ih, bias_hh},
                             /*has_biases=*/true, /*num_layers=*/1, /*dropout=*/0.0, /*train=*/true,
                             /*bidirectional=*/false));
}

}  // namespace segue::models
