#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <vector>

namespace segue::test_device {

inline bool is_here(const at::Tensor& tensor) { return tensor.defined() && tensor.device().is_privateuseone(); }

/// Tensors of the device as the CPU's kernels see them, for the length of one operator: the same numbers through the
/// second mapping. Tensors that share memory share it here too, and one tensor is lent as one.
class Lending {
 public:
  /// A CPU tensor on the memory of `tensor`.
  at::Tensor lend(const at::Tensor& tensor);
  /// Tensors of the device that a kernel resized get the memory and the shape that it gave the lent ones.
  void take_back();
  /// A kernel's result as a tensor of the device: the lent tensor itself, a view of one, or a new one.
  at::Tensor give_out(const at::Tensor& result);

 private:
  struct Lent {
    at::Tensor device, host;
  };
  std::map<const c10::StorageImpl*, c10::Storage> storages_;  ///< of the device: as lent
  std::vector<Lent> lent_;
};

/// A new tensor of the device with these numbers.
at::Tensor on_device(const at::Tensor& host);

}  // namespace segue::test_device
