// Every operator that the test device has no own version of runs by the CPU's kernel on lent memory (lending.h), which
// stands for a kernel of the device. CUDA's rule for tensors elsewhere holds: all have to lie on the device, but
// numbers (no dimensions) and the indices of index() and index_put() may come from the host.
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/test_device/counts.h"
#include "tests/test_device/lending.h"

namespace segue::test_device {
namespace {

/// Results, or their sizes, that the host has to know before it can go on.
const std::set<std::string> kWaitingOperators = {"aten::nonzero",  "aten::masked_select",     "aten::_unique",
                                                 "aten::_unique2", "aten::unique_dim",        "aten::bincount",
                                                 "aten::equal",    "aten::unique_consecutive"};
const std::set<std::string> kIndexing = {"aten::index",         "aten::index_put",
                                         "aten::index_put_",    "aten::_index_put_impl_",
                                         "aten::_unsafe_index", "aten::_unsafe_index_put"};

bool is_mask(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kBool || tensor.scalar_type() == at::kByte;
}

/// One call of one operator.
class Call {
 public:
  explicit Call(const c10::OperatorHandle& op) : op_(op), name_(op.schema().name()) {}

  void run(torch::jit::Stack& stack) {
    const c10::FunctionSchema& schema = op_.schema();
    const std::size_t first = stack.size() - schema.arguments().size();
    for (std::size_t i = first; i < stack.size(); ++i) look_at(stack[i]);
    if (n_here_ > 0 && on_host_.defined())
      TORCH_CHECK(false, "Expected all tensors to be on the same device, but got a tensor of shape ", on_host_.sizes(),
                  " on cpu, different from other tensors on test_device:0 (in ", name_, ")");
    // index() asks nonzero() of a mask itself; index_put_() does it inside.
    const bool waits = kWaitingOperators.contains(name_) || (masked_ && name_ != "aten::index") ||
                       (name_ == "aten::repeat_interleave" && stack[first + 1].isNone());
    for (std::size_t i = first; i < stack.size(); ++i) stack[i] = lent(stack[i]);
    {
      const at::AutoDispatchBelowADInplaceOrView below_autograd;
      op_.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack);
    }
    lending_.take_back();
    for (std::size_t i = stack.size() - schema.returns().size(); i < stack.size(); ++i) stack[i] = given_out(stack[i]);
    count_operator();
    if (waits) count_wait(name_);
  }

 private:
  /// Lists of tensors, of tensors or nothing, and of both as TorchScript types them.
  static bool has_tensors(const c10::IValue& value) {
    if (!value.isList()) return false;
    const c10::List<c10::IValue> list = value.toList();
    return std::any_of(list.begin(), list.end(), [](const c10::IValue& element) { return element.isTensor(); });
  }

  template <class Visit>
  static void each_tensor(const c10::IValue& value, const Visit& visit) {
    if (value.isTensor() && value.toTensor().defined()) visit(value.toTensor());
    if (!has_tensors(value)) return;
    for (const c10::IValue& element : value.toList()) each_tensor(element, visit);
  }

  template <class Change>
  static c10::IValue with_tensors(const c10::IValue& value, const Change& change) {
    if (value.isTensor()) return change(value.toTensor());
    if (!has_tensors(value)) return value;
    const c10::List<c10::IValue> given = value.toList();
    c10::List<c10::IValue> changed(given.elementType());
    for (const c10::IValue& element : given) changed.push_back(with_tensors(element, change));
    return changed;
  }

  void look_at(const c10::IValue& value) {
    const bool indices = value.isList() && kIndexing.contains(name_);
    each_tensor(value, [&](const at::Tensor& tensor) {
      TORCH_CHECK(tensor.layout() == at::kStrided, "the test device has dense tensors alone (in ", name_, ")");
      masked_ = masked_ || (indices && is_mask(tensor));
      if (is_here(tensor)) {
        ++n_here_;
      } else if (indices) {
        count_to_device(static_cast<std::int64_t>(tensor.nbytes()), /*non_blocking=*/false);
      } else if (tensor.dim() > 0) {
        on_host_ = tensor;
      }
    });
  }

  c10::IValue lent(const c10::IValue& value) {
    if (value.isDevice()) return c10::Device(at::kCPU);
    return with_tensors(value,
                        [&](const at::Tensor& tensor) { return is_here(tensor) ? lending_.lend(tensor) : tensor; });
  }

  c10::IValue given_out(const c10::IValue& value) {
    return with_tensors(value, [&](const at::Tensor& tensor) { return lending_.give_out(tensor); });
  }

  const c10::OperatorHandle& op_;
  std::string name_;
  Lending lending_;
  std::int64_t n_here_ = 0;
  at::Tensor on_host_;  ///< one that should not be
  bool masked_ = false;
};

void run_by_cpu_kernel(const c10::OperatorHandle& op, torch::jit::Stack* stack) { Call(op).run(*stack); }

}  // namespace

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_by_cpu_kernel>());
}

}  // namespace segue::test_device
