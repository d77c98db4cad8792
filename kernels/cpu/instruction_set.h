#pragma once

namespace segue::kernels::cpu {

/// What the kernels are written for; each one includes those before it.
enum class InstructionSet {
  kPortable,
  kAvx2,        ///< x86-64-v3
  kAvx512,      ///< F, VL, BW, DQ
  kAvx512Vnni,  ///< and integer dot products
  kAmx,         ///< and int8 tiles, where the system gives them to this process
};

/// The best of this processor. SEGUE_CPU=portable|avx2|avx512|avx512_vnni|amx in the environment allows no better one
/// (tests).
InstructionSet instruction_set();

/// SEGUE_CPU's word for a set.
const char* name_of(InstructionSet set);

}  // namespace segue::kernels::cpu
