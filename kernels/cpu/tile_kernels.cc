#include "kernels/cpu/tile_kernels.h"

#include <cstdlib>
#include <cstring>

namespace segue::kernels::cpu {
namespace {

const TileKernels& choose() {
#if defined(__x86_64__)
  const char* wish = std::getenv("SEGUE_CPU");
  const bool portable_only = wish != nullptr && std::strcmp(wish, "portable") == 0;
  const bool avx2_at_most = wish != nullptr && std::strcmp(wish, "avx2") == 0;
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                    __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
                      __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0;
  if (avx512 && !portable_only && !avx2_at_most) return avx512_tile_kernels();
  if (avx2 && !portable_only) return avx2_tile_kernels();
#endif
  return portable_tile_kernels();
}

}  // namespace

const TileKernels& tile_kernels() {
  static const TileKernels& chosen = choose();
  return chosen;
}

}  // namespace segue::kernels::cpu
