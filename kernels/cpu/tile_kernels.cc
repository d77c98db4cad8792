#include "kernels/cpu/tile_kernels.h"

#include "kernels/cpu/instruction_set.h"

namespace segue::kernels::cpu {

const TileKernels& tile_kernels() {
#if defined(__x86_64__)
  if (instruction_set() >= InstructionSet::kAvx512Vnni) return avx512_vnni_tile_kernels();
  if (instruction_set() >= InstructionSet::kAvx512) return avx512_tile_kernels();
  if (instruction_set() >= InstructionSet::kAvx2) return avx2_tile_kernels();
#endif
  return portable_tile_kernels();
}

}  // namespace segue::kernels::cpu
