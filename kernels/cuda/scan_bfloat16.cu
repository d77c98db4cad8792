#include "kernels/cuda/scan_kernel.cuh"

namespace segue::kernels::cuda {

template ScanKernel scan_kernel_of<DType::kBFloat16>(ScanForm, std::int64_t, ScanFor);

}  // namespace segue::kernels::cuda
