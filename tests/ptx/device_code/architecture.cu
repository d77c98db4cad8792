#include "tests/ptx/device_code/architecture.h"

namespace segue::ptx {
namespace {

__global__ void architecture_kernel(int* to) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  *to = 901;
#elif defined(__CUDA_ARCH__)
  *to = __CUDA_ARCH__ / 10;
#endif
}

}  // namespace

void write_architecture(int* to) { architecture_kernel<<<1, 1>>>(to); }

}  // namespace segue::ptx
