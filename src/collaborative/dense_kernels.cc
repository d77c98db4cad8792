#include "collaborative/dense_kernels.h"

#include "kernels/cpu/instruction_set.h"

namespace segue::collaborative {

const DenseKernels& dense_kernels() {
#if defined(__x86_64__)
  using kernels::cpu::InstructionSet;
  if (kernels::cpu::instruction_set() >= InstructionSet::kAvx512) return avx512_dense_kernels();
  if (kernels::cpu::instruction_set() >= InstructionSet::kAvx2) return avx2_dense_kernels();
#endif
  return portable_dense_kernels();
}

}  // namespace segue::collaborative
