#include "kernels/cpu/int8_kernels.h"

#include "kernels/cpu/instruction_set.h"

namespace segue::kernels::cpu {

const Int8Kernels& int8_kernels([[maybe_unused]] std::int64_t n_queries) {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAmx && n_queries > kFewQueries) return amx_int8_kernels();
  if (instruction_set() >= InstructionSet::kAvx512Vnni) return avx512_vnni_int8_kernels();
  if (instruction_set() >= InstructionSet::kAvx2) return avx2_int8_kernels();
#endif
  return portable_int8_kernels();
}

}  // namespace segue::kernels::cpu
