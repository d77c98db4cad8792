#include "tests/test_device/lending.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstring>

#include "tests/test_device/memory.h"

namespace segue::test_device {
namespace {

void do_nothing(void* /*memory*/) {}

at::Tensor make_tensor(const c10::Storage& storage, c10::DispatchKey key, const at::Tensor& like) {
  at::Tensor tensor =
      at::detail::make_tensor<c10::TensorImpl>(c10::Storage(storage), c10::DispatchKeySet(key), like.dtype());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  return tensor;
}

}  // namespace

at::Tensor Lending::lend(const at::Tensor& tensor) {
  for (const Lent& lent : lent_)
    if (lent.device.is_same(tensor)) return lent.host;
  const c10::StorageImpl* const key = tensor.storage().unsafeGetStorageImpl();
  auto storage = storages_.find(key);
  if (storage == storages_.end()) {
    // With an allocator: a kernel may resize an output, and then the memory is its own (take_back).
    c10::DataPtr view(Memory::instance().host_view(key->data()), nullptr, &do_nothing, at::kCPU);
    storage = storages_
                  .emplace(key, c10::Storage(c10::Storage::use_byte_size_t(), key->nbytes(), std::move(view),
                                             c10::GetCPUAllocator(), /*resizable=*/true))
                  .first;
  }
  lent_.push_back({tensor, make_tensor(storage->second, c10::DispatchKey::CPU, tensor)});
  return lent_.back().host;
}

void Lending::take_back() {
  for (const Lent& lent : lent_) {
    const c10::StorageImpl* const now = lent.host.storage().unsafeGetStorageImpl();
    c10::StorageImpl* const own = lent.device.storage().unsafeGetStorageImpl();
    if (now->data() != Memory::instance().host_view(own->data())) {
      own->set_data_ptr_noswap(c10::GetAllocator(at::kPrivateUse1)->allocate(now->nbytes()));
      own->set_nbytes(now->nbytes());
      if (now->nbytes() > 0) std::memcpy(Memory::instance().host_view(own->data()), now->data(), now->nbytes());
    }
    if (lent.host.sizes() != lent.device.sizes() || lent.host.strides() != lent.device.strides())
      lent.device.unsafeGetTensorImpl()->set_sizes_and_strides(lent.host.sizes(), lent.host.strides(),
                                                               lent.host.storage_offset());
  }
}

at::Tensor Lending::give_out(const at::Tensor& result) {
  if (!result.defined() || !result.is_cpu()) return result;
  for (const Lent& lent : lent_)
    if (lent.host.is_same(result)) return lent.device;
  for (const Lent& lent : lent_)
    if (lent.host.storage().is_alias_of(result.storage()))
      return make_tensor(lent.device.storage(), c10::DispatchKey::PrivateUse1, result);
  return on_device(result);
}

at::Tensor on_device(const at::Tensor& host) {
  at::Tensor tensor = at::empty_strided(host.sizes(), host.strides(), host.options().device(at::kPrivateUse1));
  Lending lending;
  lending.lend(tensor).copy_(host);
  return tensor;
}

}  // namespace segue::test_device
