#pragma once

#include <ATen/ATen.h>

namespace segue::batching {

/// The tensor on a device; an undefined one stays so, and one that lies there already is not copied. The host goes on
/// when it has handed the numbers over: a copy that blocks would first wait for all that the device has still to do.
inline at::Tensor upload(const at::Tensor& tensor, at::Device device) {
  return tensor.defined() ? tensor.to(device, /*non_blocking=*/true) : tensor;
}

}  // namespace segue::batching
