#define Eigen EigenPortable
#include "collaborative/dense_kernels.inl"

namespace segue::collaborative {

const DenseKernels& portable_dense_kernels() { return table("portable"); }

}  // namespace segue::collaborative
