#include "tests/ptx/memory_counters.h"

#include <algorithm>

namespace segue::ptx {

int wavefronts(const u64* words, int n_words) {
  bool is_row = true;  // words side by side meet no other bank twice
  for (int i = 1; i < n_words && is_row; ++i) is_row = words[i] == words[i - 1] + 1;
  if (n_words <= 1 || (is_row && n_words <= 32)) return n_words == 0 ? 0 : 1;
  u64 distinct[kLanes][8];
  int n_in_bank[kLanes] = {};
  int most = 0;
  u64 overflow[kLanes * 4];
  int n_overflow = 0;
  for (int i = 0; i < n_words; ++i) {
    const auto bank = static_cast<std::size_t>(words[i] % kLanes);
    const int n = std::min(n_in_bank[bank], 8);
    if (std::find(distinct[bank], distinct[bank] + n, words[i]) != distinct[bank] + n) continue;
    if (n == 8) {
      if (std::find(overflow, overflow + n_overflow, words[i]) != overflow + n_overflow) continue;
      overflow[n_overflow++] = words[i];
    } else {
      distinct[bank][n] = words[i];
    }
    most = std::max(most, ++n_in_bank[bank]);
  }
  return most;
}

void count_shared_access(Counters& counters, u32 mask, const u64* addresses, const Access& access) {
  const int words_a_lane = std::max(1, access.n_bytes / 4);
  const int lanes_a_pass = access.is_row ? 8 : std::max(1, 32 / words_a_lane);
  const auto n_lanes = static_cast<u64>(std::popcount(mask));
  const u64 bytes = n_lanes * static_cast<u64>(access.n_bytes);
  if (access.kind != AccessKind::kWrite) counters.shared_bytes_read += bytes;
  if (access.kind != AccessKind::kRead) counters.shared_bytes_written += bytes;
  for (int first = 0; first < kLanes; first += lanes_a_pass) {
    u64 words[kLanes * 4];
    int n_words = 0;
    for (int lane = first; lane < first + lanes_a_pass && lane < kLanes; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      for (int w = 0; w < words_a_lane; ++w) words[n_words++] = addresses[lane] / 4 + static_cast<u64>(w);
    }
    if (n_words == 0) continue;
    counters.shared_wavefronts += static_cast<u64>(wavefronts(words, n_words));
    counters.ideal_shared_wavefronts += 1;
  }
}

void count_global_access(Counters& counters, u32 mask, const u64* addresses, const Access& access) {
  constexpr u64 kSector = 32;
  const auto n_bytes = static_cast<u64>(access.n_bytes);
  const u64 bytes = static_cast<u64>(std::popcount(mask)) * n_bytes;
  if (access.kind != AccessKind::kWrite) counters.global_bytes_read += bytes;
  if (access.kind != AccessKind::kRead) counters.global_bytes_written += bytes;
  u64 sectors[kLanes];
  int n = 0;
  bool is_rising = true;
  for_each_lane(mask, [&](int lane) {
    const u64 sector = addresses[lane] / kSector;  // an aligned access of up to 16 bytes lies in one
    if (n > 0 && sectors[n - 1] == sector) return;
    is_rising = is_rising && (n == 0 || sectors[n - 1] < sector);
    sectors[n++] = sector;
  });
  if (!is_rising) {
    std::sort(sectors, sectors + n);
    n = static_cast<int>(std::unique(sectors, sectors + n) - sectors);
  }
  counters.global_sectors += static_cast<u64>(n);
  counters.ideal_global_sectors += std::min(static_cast<u64>(n), (bytes + kSector - 1) / kSector);
}

}  // namespace segue::ptx
