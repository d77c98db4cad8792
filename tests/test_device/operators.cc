// What the test device does itself: making tensors, moving numbers between host and device, and handing one to the
// host.
#include <ATen/EmptyTensor.h>
#include <torch/library.h>

#include <cstring>

#include "tests/test_device/counts.h"
#include "tests/test_device/lending.h"
#include "tests/test_device/memory.h"

namespace segue::test_device {
namespace {

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

void free_memory(void* pointer) { Memory::instance().free(pointer); }

class Allocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t n) override {
    void* const memory = Memory::instance().allocate(n);
    return {memory, memory, &free_memory, c10::Device(at::kPrivateUse1, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_memory; }
  void copy_data(void* to, const void* from, std::size_t n) const override {
    std::memcpy(Memory::instance().host_view(to), Memory::instance().host_view(from), n);
  }
};

Allocator allocator;
REGISTER_ALLOCATOR(c10::DeviceType::PrivateUse1, &allocator);

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
                 std::optional<at::Device> /*device*/, std::optional<bool> /*pin_memory*/,
                 std::optional<at::MemoryFormat> format) {
  TORCH_CHECK(c10::layout_or_default(layout) == at::kStrided, "the test device has dense tensors alone");
  return at::detail::empty_generic(size, &allocator, kKeys, c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout> /*layout*/, std::optional<at::Device> /*device*/,
                         std::optional<bool> /*pin_memory*/) {
  return at::detail::empty_strided_generic(size, stride, &allocator, kKeys, c10::dtype_or_default(dtype));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  Lending lending;
  at::Tensor target = is_here(to) ? lending.lend(to) : to;
  target.copy_(is_here(from) ? lending.lend(from) : from);
  const auto bytes = static_cast<std::int64_t>(to.numel()) * static_cast<std::int64_t>(from.element_size());
  if (is_here(from) && is_here(to))
    count_operator();
  else if (is_here(from))
    count_to_host(bytes);
  else
    count_to_device(bytes, non_blocking);
  return to;
}

at::Scalar local_scalar(const at::Tensor& number) {
  Lending lending;
  count_wait("aten::item");
  return at::_local_scalar_dense(lending.lend(number));
}

/// Keeps the numbers that there are, like the CPU's.
const at::Tensor& resize(const at::Tensor& tensor, at::IntArrayRef size, std::optional<at::MemoryFormat> /*format*/) {
  const std::size_t bytes = at::detail::computeStorageNbytesContiguous(
      size, tensor.element_size(), static_cast<std::size_t>(tensor.storage_offset()));
  c10::StorageImpl* const storage = tensor.storage().unsafeGetStorageImpl();
  if (bytes > storage->nbytes()) {
    c10::DataPtr grown = allocator.allocate(bytes);
    if (storage->nbytes() > 0) allocator.copy_data(grown.get(), storage->data(), storage->nbytes());
    storage->set_data_ptr_noswap(std::move(grown));
    storage->set_nbytes(bytes);
  }
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  return tensor;
}

at::Tensor& set_storage(at::Tensor& tensor, at::Storage source, std::int64_t offset, at::IntArrayRef size,
                        at::IntArrayRef stride) {
  c10::TensorImpl* const made = tensor.unsafeGetTensorImpl();
  made->set_storage_keep_dtype(std::move(source));
  made->set_storage_offset(offset);
  if (stride.size() == size.size())
    made->set_sizes_and_strides(size, stride);
  else
    made->set_sizes_contiguous(size);
  return tensor;
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &empty);
  library.impl("empty_strided", &empty_strided);
  library.impl("_copy_from", &copy_from);
  library.impl("_local_scalar_dense", &local_scalar);
  library.impl("resize_", &resize);
  library.impl("set_.source_Storage_storage_offset", &set_storage);
}

}  // namespace segue::test_device
