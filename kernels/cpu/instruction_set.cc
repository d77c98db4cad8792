#include "kernels/cpu/instruction_set.h"

#include <cstdlib>
#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels/cpu/int8_kernels.h"

namespace segue::kernels::cpu {
namespace {

#if defined(__x86_64__)
/// Conversions of float16; clang 14's __builtin_cpu_supports() does not know their name.
bool supports_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

InstructionSet best_of_processor() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") == 0 || __builtin_cpu_supports("fma") == 0 || !supports_f16c() ||
      __builtin_cpu_supports("bmi") == 0 || __builtin_cpu_supports("bmi2") == 0) {
    return InstructionSet::kPortable;
  }
  if (__builtin_cpu_supports("avx512f") == 0 || __builtin_cpu_supports("avx512vl") == 0 ||
      __builtin_cpu_supports("avx512bw") == 0 || __builtin_cpu_supports("avx512dq") == 0) {
    return InstructionSet::kAvx2;
  }
  if (__builtin_cpu_supports("avx512vnni") == 0) return InstructionSet::kAvx512;
  return may_use_amx() ? InstructionSet::kAmx : InstructionSet::kAvx512Vnni;
#else
  return InstructionSet::kPortable;
#endif
}

InstructionSet choose() {
  const InstructionSet best = best_of_processor();
  const char* wish = std::getenv("SEGUE_CPU");
  if (wish == nullptr) return best;
  for (auto set = InstructionSet::kPortable; set < best; set = static_cast<InstructionSet>(static_cast<int>(set) + 1)) {
    if (std::strcmp(wish, name_of(set)) == 0) return set;
  }
  return best;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet chosen = choose();
  return chosen;
}

const char* name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable: return "portable";
    case InstructionSet::kAvx2: return "avx2";
    case InstructionSet::kAvx512: return "avx512";
    case InstructionSet::kAvx512Vnni: return "avx512_vnni";
    case InstructionSet::kAmx: return "amx";
  }
  return "";
}

}  // namespace segue::kernels::cpu
