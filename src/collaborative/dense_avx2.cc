#define Eigen EigenAvx2
#include "collaborative/dense_kernels.inl"

namespace segue::collaborative {

const DenseKernels& avx2_dense_kernels() { return table("avx2"); }

}  // namespace segue::collaborative
