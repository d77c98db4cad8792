#include "kernels/cpu/int8_search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/cpu/nominees.h"
#include "kernels/cpu/workers.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::int64_t kCachedBytes = 1 << 20;     ///< of items that need no fetching ahead
constexpr std::int64_t kSampleStride = 16;         ///< blocks of which one is looked at first, to guess thresholds
constexpr std::int64_t kLeastSampledBlocks = 256;  ///< with fewer, a guess costs more than it saves
constexpr std::int64_t kLeastSampledScores = 32;   ///< the same where scores by int8 are what is searched for

std::vector<Int8Tile> pack_tiles(const Int8Queries& queries, std::int64_t n_queries, const Int8Kernels& kernels) {
  std::vector<std::int32_t> members(static_cast<std::size_t>(n_queries));
  std::iota(members.begin(), members.end(), 0);
  std::vector<Int8Tile> tiles;
  for (std::span<const std::int32_t> left = members; !left.empty();) {
    const auto n = std::min(left.size(), static_cast<std::size_t>(kernels.tile_queries));
    tiles.emplace_back(kernels).pack(queries, left.first(n));
    left = left.subspan(n);
  }
  return tiles;
}

/// Which blocks a pass visits.
struct Pass {
  enum class Blocks { kAll, kSample, kOthers };
  Blocks blocks;
  [[nodiscard]] bool visits(std::int64_t block) const {
    const bool sampled = block % kSampleStride == kSampleStride / 2;
    return blocks == Blocks::kAll || (blocks == Blocks::kSample) == sampled;
  }
};

void run_pass(const Int8Search& search, const std::vector<Int8Tile>& tiles, Pass pass, Scanners& scanners) {
  std::vector<std::int64_t> blocks;
  for (std::int64_t block = 0; block < search.int8.n_blocks; ++block)
    if (pass.visits(block)) blocks.push_back(block);
  const bool is_cached = search.int8.firsts[search.int8.n_blocks] * search.int8.dim <= kCachedBytes;
  share_blocks(search, blocks, scanners, [&](Int8Scanner& scanner, std::int64_t block, std::int64_t next) {
    for (const Int8Tile& tile : tiles) scanner.scan(tile, block, &tile == tiles.data() && !is_cached ? next : block);
  });
}

/// Calls body(query), the queries shared among threads.
template <class Body>
void for_queries(std::size_t n_queries, int n_threads, const Body& body) {
  const auto n = static_cast<std::int64_t>(n_queries);
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(n, 1, n_threads));
  run_workers(n_workers, [&](int worker) {
    const auto end = static_cast<std::size_t>(part_begin(n, 1, worker + 1, n_workers));
    for (auto q = static_cast<std::size_t>(part_begin(n, 1, worker, n_workers)); q < end; ++q) body(q);
  });
}

/// The list of a query out of what all threads found.
Nominees& complete(const Int8Search& search, Scanners& scanners, std::size_t query) {
  Nominees& all = scanners[0]->of(query);
  for (std::size_t other = 1; other < scanners.size(); ++other) all.merge(scanners[other]->of(query));
  all.resolve(search, query);
  return all;
}

/// The share of the sample, and so the rank in it that k items of all can be expected to reach, with five standard
/// deviations to spare.
std::int64_t rank_in_sample(std::int64_t k) {
  const double expected = static_cast<double>(k) / kSampleStride;
  return static_cast<std::int64_t>(std::ceil(expected + 5 * std::sqrt(expected) + 1));
}

}  // namespace

void search_int8(MatrixView<const float> queries, const Int8Items& int8, const ItemMatrix* items,
                 const Exclusions* excluded, std::int64_t k, int n_threads, MatrixView<float> scores,
                 MatrixView<std::int32_t> rows) {
  const auto n_queries = static_cast<std::size_t>(queries.n_rows);
  const Int8Kernels& kernels = int8_kernels(queries.n_rows);
  const std::vector<Int8Tile> tiles = pack_tiles(Int8Queries(queries), queries.n_rows, kernels);
  std::vector<std::atomic<float>> thresholds(n_queries);
  for (auto& threshold : thresholds) threshold = kMaskedScore;
  const Int8Search search{queries, int8, items, excluded, kernels, thresholds};
  const std::int64_t n_blocks = int8.n_blocks;
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(n_blocks, 1, n_threads));

  const auto write = [&](std::size_t q, Nominees& found) {
    found.best().write(scores.row(static_cast<std::int64_t>(q)), rows.row(static_cast<std::int64_t>(q)));
  };
  if (n_blocks < (items == nullptr ? kLeastSampledScores : kLeastSampledBlocks)) {
    Scanners scanners = make_scanners(search, k, n_workers);
    run_pass(search, tiles, {Pass::Blocks::kAll}, scanners);
    for_queries(n_queries, n_workers, [&](std::size_t q) { write(q, complete(search, scanners, q)); });
    return;
  }
  // A guess: the true k-th score may be lower. What lies above the guess is kept, so the sample need not be seen again.
  const std::int64_t rank = rank_in_sample(k);
  Scanners scanners = make_scanners(search, rank, n_workers);
  run_pass(search, tiles, {Pass::Blocks::kSample}, scanners);
  std::vector<float> guesses(n_queries);
  for_queries(n_queries, n_workers, [&](std::size_t q) {
    Nominees& all = scanners[0]->of(q);
    for (std::size_t other = 1; other < scanners.size(); ++other) {
      all.merge(scanners[other]->of(q));
      scanners[other]->of(q) = Nominees(k);
    }
    thresholds[q] = guesses[q] = all.estimate(static_cast<std::size_t>(rank));
    all.set_k(k);
  });
  run_pass(search, tiles, {Pass::Blocks::kOthers}, scanners);
  // The proof: k scores reach the guess, so it hid nothing that belongs in the list. Else the list so far bounds the
  // next try.
  std::vector<char> is_complete(n_queries);
  for_queries(n_queries, n_workers, [&](std::size_t q) {
    Nominees& found = complete(search, scanners, q);
    const bool proved =
        guesses[q] == kMaskedScore || (std::ssize(found.best().keys()) == k && found.best().threshold() >= guesses[q]);
    is_complete[q] = proved ? 1 : 0;
    thresholds[q] = proved ? kOutOfReach : found.best().threshold();
    if (proved) write(q, found);
  });
  if (std::find(is_complete.begin(), is_complete.end(), 0) == is_complete.end()) return;
  scanners = make_scanners(search, k, n_workers);
  run_pass(search, tiles, {Pass::Blocks::kAll}, scanners);
  for_queries(n_queries, n_workers, [&](std::size_t q) {
    if (is_complete[q] == 0) write(q, complete(search, scanners, q));
  });
}

}  // namespace segue::kernels::cpu
