#include "models/dropout_mask.h"

#include <algorithm>

#include "support/instruction_sets.h"

namespace segue::models {
namespace {

/// A finaliser of 64 bits (SplitMix64's): for keys, once a run of positions.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

SEGUE_CLONES
void apply_dropout_mask(const float* x, float* y, std::int64_t n, std::uint64_t seed, std::uint64_t first,
                        std::uint32_t threshold, float scale) {
  // 32-bit arithmetic goes sixteen at a time; each run of 2^16 positions has keys of its own.
  constexpr std::uint64_t kRun = 1U << 16;
  for (std::uint64_t begin = 0; begin < static_cast<std::uint64_t>(n);) {
    const std::uint64_t at = first + begin;
    const auto count =
        static_cast<std::int64_t>(std::min<std::uint64_t>(kRun - at % kRun, static_cast<std::uint64_t>(n) - begin));
    const std::uint64_t key = mixed(seed ^ mixed(at / kRun));
    const auto before = static_cast<std::uint32_t>(key), between = static_cast<std::uint32_t>(key >> 32);
    const auto offset = static_cast<std::uint32_t>(at % kRun);
    const float* from = x + begin;
    float* to = y + begin;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint32_t h = (static_cast<std::uint32_t>(i) + offset) * 0x9E3779B1U + before;
      h = (h ^ (h >> 16)) * 0x7FEB352DU;
      h = ((h ^ (h >> 15)) + between) * 0x846CA68BU;
      h ^= h >> 16;
      to[i] = h >= threshold ? from[i] * scale : 0.0F;
    }
    begin += static_cast<std::uint64_t>(count);
  }
}

}  // namespace segue::models
