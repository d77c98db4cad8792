#define Eigen EigenAvx512
#include "collaborative/dense_kernels.inl"

namespace segue::collaborative {

const DenseKernels& avx512_dense_kernels() { return table("avx512"); }

}  // namespace segue::collaborative
