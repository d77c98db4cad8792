// AMX: a tile is 32 queries by 32 items, four 16 x 16 accumulators. Their sums go through a buffer in the first cache,
// where the comparison of one pair of panels overlaps with the products of the next.

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "kernels/cpu/int8_compare_avx512.inl"
#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/tile_kernels.h"

namespace segue::kernels::cpu {
namespace {

constexpr int kTileQueries = 32;
constexpr int kHalf = 16;                  ///< queries, or items, of one accumulator
constexpr std::int64_t kChunk = 64;        ///< dimensions of one product
constexpr std::int64_t kTileBytes = 1024;  ///< 16 rows of 64 bytes
constexpr std::int64_t kPairItems = 32;

int queries_for(std::int64_t n_left) { return n_left <= kHalf ? kHalf : kTileQueries; }

std::int64_t n_chunks(std::int64_t dim) { return (dim + kChunk - 1) / kChunk; }

std::int64_t packed_bytes(int n_queries, std::int64_t dim) { return n_queries / kHalf * n_chunks(dim) * kTileBytes; }

/// [half, chunk, 16 queries, 64], zeros behind the last dimension: they cancel what a load reads behind the end of a
/// panel.
void pack_queries(const std::int8_t* const* queries, int n, int /*n_queries*/, std::int64_t dim, std::int8_t* out) {
  for (int q = 0; q < n; ++q) {
    for (std::int64_t chunk = 0; chunk < n_chunks(dim); ++chunk) {
      const std::int64_t n_dims = dim - chunk * kChunk < kChunk ? dim - chunk * kChunk : kChunk;
      std::memcpy(out + (q / kHalf * n_chunks(dim) + chunk) * kTileBytes + q % kHalf * kChunk,
                  queries[q] + chunk * kChunk, static_cast<std::size_t>(n_dims));
    }
  }
}

/// Loads the queries of a chunk: tile 4 for the first half, 5 for the second.
template <bool kTwoHalves>
void load_queries(const Int8Scan& scan, std::int64_t chunk, std::int64_t chunks) {
  _tile_loadd(4, scan.queries + chunk * kTileBytes, kChunk);
  if (kTwoHalves) _tile_loadd(5, scan.queries + (chunks + chunk) * kTileBytes, kChunk);
}

/// Starts the products of a pair of panels: accumulators 0 and 1 for the first half of the queries, 2 and 3 for the
/// second.
/// @tparam kOneChunk  the queries are loaded already
template <bool kTwoHalves, bool kOneChunk>
void multiply(const Int8Scan& scan, std::int64_t pair) {
  const std::int64_t panel_bytes = scan.dim * kHalf;
  const std::uint8_t* first = scan.panels + pair * 2 * panel_bytes;
  const std::uint8_t* second = first + panel_bytes;
  const std::int64_t chunks = kOneChunk ? 1 : n_chunks(scan.dim);
  _tile_zero(0);
  _tile_zero(1);
  if (kTwoHalves) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    if (!kOneChunk) load_queries<kTwoHalves>(scan, chunk, chunks);
    _tile_loadd(6, first + chunk * kTileBytes, kChunk);
    _tile_loadd(7, second + chunk * kTileBytes, kChunk);
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    if (!kTwoHalves) continue;
    _tile_dpbsud(2, 5, 6);
    _tile_dpbsud(3, 5, 7);
  }
}

/// sums [queries, 32]
template <bool kTwoHalves>
void store(std::int32_t* sums) {
  constexpr int kRowBytes = kPairItems * 4;
  _tile_stored(0, sums, kRowBytes);
  _tile_stored(1, sums + kHalf, kRowBytes);
  if (!kTwoHalves) return;
  _tile_stored(2, sums + kHalf * kPairItems, kRowBytes);
  _tile_stored(3, sums + kHalf * kPairItems + kHalf, kRowBytes);
}

template <int kQueries>
void compare_pair(const Int8Scan& scan, std::int64_t pair, const std::int32_t* sums) {
  const std::int64_t place = pair * kPairItems;
  if (scan.bias == nullptr) {
    for (int q = 0; q < kQueries; ++q) {
      compare(scan, q, place, _mm512_load_si512(sums + q * kPairItems),
              _mm512_load_si512(sums + q * kPairItems + kHalf));
    }
  } else {
    for (int q = 0; q < kQueries; ++q) {
      compare_biased(scan, q, place, _mm512_load_si512(sums + q * kPairItems),
                     _mm512_load_si512(sums + q * kPairItems + kHalf));
    }
  }
}

/// Fetches a pair of panels of the block that is scanned next.
void prefetch_pair(const Int8Scan& scan, std::int64_t pair) {
  constexpr std::int64_t kLine = 64;
  const std::int64_t pair_bytes = 2 * scan.dim * kHalf;
  const std::uint8_t* next = scan.next + pair * pair_bytes;
  for (std::int64_t at = 0; at < pair_bytes; at += kLine) _mm_prefetch(next + at, _MM_HINT_T1);
}

template <bool kTwoHalves, bool kOneChunk>
void scan_tile(const Int8Scan& scan) {
  constexpr int kQueries = kTwoHalves ? kTileQueries : kHalf;
  alignas(64) std::int32_t sums[2][kQueries * kPairItems];
  const std::int64_t n_pairs = scan.n_panels / 2;
  if (kOneChunk) load_queries<kTwoHalves>(scan, 0, 1);
  multiply<kTwoHalves, kOneChunk>(scan, 0);
  store<kTwoHalves>(sums[0]);
  if (scan.next != nullptr) prefetch_pair(scan, 0);
  for (std::int64_t pair = 1; pair < n_pairs; ++pair) {
    multiply<kTwoHalves, kOneChunk>(scan, pair);
    if (scan.next != nullptr) prefetch_pair(scan, pair);
    compare_pair<kQueries>(scan, pair - 1, sums[(pair - 1) % 2]);
    store<kTwoHalves>(sums[pair % 2]);
  }
  compare_pair<kQueries>(scan, n_pairs - 1, sums[(n_pairs - 1) % 2]);
}

void scan_block(const Int8Scan& scan) {
  const bool one_chunk = scan.dim <= kChunk;
  if (scan.n_queries == kHalf) return one_chunk ? scan_tile<false, true>(scan) : scan_tile<false, false>(scan);
  return one_chunk ? scan_tile<true, true>(scan) : scan_tile<true, false>(scan);
}

struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t n_rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void begin_thread() {
  static constexpr TileConfiguration
      configuration;  // in memory: the intrinsic tells the compiler of its first bytes alone
  _tile_loadconfig(&configuration);
}

void end_thread() { _tile_release(); }

}  // namespace

bool may_use_amx() {
  constexpr unsigned kTileBit = 1U << 24;  // both in EDX of leaf 7
  constexpr unsigned kInt8Bit = 1U << 25;
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & kTileBit) != 0 && (edx & kInt8Bit) != 0 &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

const Int8Kernels& amx_int8_kernels() {
  static constexpr Int8Kernels kKernels{
      "amx",      kTileQueries,      queries_for,  packed_bytes, pack_queries, set_int8_limits_avx512,
      scan_block, score_rows_avx512, begin_thread, end_thread};
  return kKernels;
}

}  // namespace segue::kernels::cpu
