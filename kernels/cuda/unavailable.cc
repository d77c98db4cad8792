// Stands in for every CUDA implementation in a build without CUDA.

#include "kernels/bucketed_top_k.h"
#include "kernels/cuda_items.h"
#include "kernels/device_memory.h"
#include "kernels/implementations.h"

namespace segue::kernels {
namespace {

[[noreturn]] void fail() {
  throw DeviceFailure("this build has no CUDA kernels: configure with -DSEGUE_CUDA=ON, or choose the CPU");
}

}  // namespace

int cuda_device_count() { return 0; }

void use_device(int) { fail(); }
DeviceMemory device_memory() { fail(); }
void* allocate_on_device(std::size_t) { fail(); }
void free_on_device(void*) {}
void copy_to_device(void*, const void*, std::size_t) { fail(); }
void copy_from_device(void*, const void*, std::size_t) { fail(); }
void wait_for_device() { fail(); }

std::size_t bucketed_workspace_bytes(std::int64_t, const ItemMatrix&, std::int64_t, double, const Device&) { fail(); }
std::size_t cuda_items_bytes(const ItemMatrix&, DType) { fail(); }
CudaItems make_cuda_items(const ItemMatrix&, DType, void*, const Device&) { fail(); }
std::size_t ivf_workspace_bytes(std::int64_t, const ItemMatrix&, const IvfItems&, std::int64_t, std::int64_t,
                                const Device&) {
  fail();
}
std::size_t top_k_workspace_bytes(std::int64_t, const ItemMatrix&, std::int64_t, const Device&) { fail(); }

namespace cuda {

void top_k(MatrixView<const float>, const ItemMatrix&, const ItemLists&, std::int64_t, MatrixView<float>,
           MatrixView<std::int32_t>, const Device&) {
  fail();
}

double bucketed_top_k(MatrixView<const float>, const ItemMatrix&, const ItemLists&, std::int64_t, double,
                      MatrixView<float>, MatrixView<std::int32_t>, const Device&) {
  fail();
}

void nearest_means(MatrixView<const float>, const Int8Items&, std::int32_t*, const Device&) { fail(); }

void ivf_top_k(MatrixView<const float>, const ItemMatrix&, const IvfItems&, const ItemLists&, std::int64_t,
               std::int64_t, MatrixView<float>, MatrixView<std::int32_t>, const Device&) {
  fail();
}

void select_top_k(MatrixView<const float>, std::int64_t, MatrixView<float>, MatrixView<std::int32_t>, const Device&) {
  fail();
}

void score_all(MatrixView<const float>, const ItemMatrix&, MatrixView<float>, const Device&) { fail(); }

}  // namespace cuda
}  // namespace segue::kernels
