// Exact search, fused: scores of a strip of items are made in cache, compared with each query's threshold, and
// forgotten. Threads share the items and merge their best keys at the end: keys alone decide, so the split cannot show.

#include <algorithm>
#include <vector>

#include "kernels/cpu/best_keys.h"
#include "kernels/cpu/exclusions.h"
#include "kernels/cpu/instruction_set.h"
#include "kernels/cpu/int8_kernels.h"
#include "kernels/cpu/packed_queries.h"
#include "kernels/cpu/workers.h"
#include "kernels/implementations.h"

namespace segue::kernels::cpu {
namespace {

constexpr std::int64_t kStripItems = 512;        ///< scores of a tile's queries over a strip: 24 KB
constexpr std::int64_t kMaxGroupQueries = 240;   ///< as in score_all.cc
constexpr std::int64_t kMaxGroupKeys = 1 << 22;  ///< keys kept at a time by a thread, which bounds memory for a large k

struct Group {
  MatrixView<const float> queries;
  const ItemMatrix& items;
  const PackedQueries& packed;
  const Exclusions& excluded;
};

/// Offers the items [begin, end) to every query of the group.
void search_items(const Group& group, std::int64_t begin, std::int64_t end, std::vector<BestKeys>& best) {
  const TileKernels& kernels = tile_kernels();
  const std::int64_t dim = group.queries.n_cols;
  std::vector<ItemTile> strip(static_cast<std::size_t>(kStripItems / kTileItems),
                              ItemTile(dim, group.items.vectors.dtype, kernels));
  std::vector<float> scores(static_cast<std::size_t>(kMaxTileQueries * kStripItems));
  std::vector<std::int32_t> positions(static_cast<std::size_t>(kStripItems + kPanelItems));
  for (std::int64_t first = begin; first < end; first += kStripItems) {
    const std::int64_t n_strip = std::min(kStripItems, end - first);
    const std::int64_t n_tiles = (n_strip + kTileItems - 1) / kTileItems;
    for (std::int64_t t = 0; t < n_tiles; ++t) {
      const std::int64_t offset = t * kTileItems;
      strip[static_cast<std::size_t>(t)].load(group.items.vectors, group.items.bias, first + offset,
                                              std::min<std::int64_t>(kTileItems, n_strip - offset));
    }
    for (const PackedQueries::Tile& tile : group.packed.tiles()) {
      for (std::int64_t t = 0; t < n_tiles; ++t) {
        strip[static_cast<std::size_t>(t)].score(tile, scores.data() + t * kTileItems, kStripItems);
      }
      for (int q = 0; q < tile.n_queries; ++q) {
        const std::int64_t query = tile.first + q;
        BestKeys& keys = best[static_cast<std::size_t>(query)];
        const float* row_scores = scores.data() + q * kStripItems;
        const int n_found =
            kernels.positions_above(row_scores, static_cast<int>(n_strip), keys.threshold(), positions.data());
        for (int i = 0; i < n_found; ++i) {
          const std::int32_t position = positions[static_cast<std::size_t>(i)];
          const float score = row_scores[position];
          if (!(score > keys.threshold())) continue;  // it may have risen since
          const auto row = static_cast<std::int32_t>(first + position);
          if (!is_allowed(group.items.allowed, row) || group.excluded.contains(query, row)) continue;
          keys.add(make_key(score, static_cast<std::uint32_t>(row)));
        }
      }
    }
  }
}

/// Whether a scan of the int8 copy saves more than scoring its candidates costs.
bool int8_pays(std::int64_t n_items, std::int64_t n_queries, std::int64_t k) {
  constexpr std::int64_t kLeastSelection = 8;  // items for each one selected
  // Lesser sets multiply int8 no faster than float32: they gain from reading less, and so with few queries.
  const InstructionSet set = instruction_set();
  if (set < InstructionSet::kAvx2 || (set < InstructionSet::kAvx512Vnni && n_queries > kFewQueries)) return false;
  return k <= n_items / kLeastSelection && (n_items >= kLeastInt8Items || n_queries <= kFewQueries);
}

}  // namespace

void top_k(MatrixView<const float> queries, const ItemMatrix& items, const ItemLists& excluded, std::int64_t k,
           MatrixView<float> scores, MatrixView<std::int32_t> rows, int n_threads) {
  if (sparse_top_k(queries, items, excluded, k, scores, rows, n_threads)) return;
  if (items.int8 != nullptr && int8_pays(items.vectors.n_rows, queries.n_rows, k) &&
      int8_top_k(queries, items, excluded, k, scores, rows, n_threads))
    return;
  const std::int64_t n_items = items.vectors.n_rows;
  const std::int64_t group_queries =
      std::clamp<std::int64_t>(kMaxGroupKeys / std::max<std::int64_t>(1, std::min(k, n_items)), 1, kMaxGroupQueries);
  const auto n_workers =
      static_cast<int>(std::clamp<std::int64_t>((n_items + kStripItems - 1) / kStripItems, 1, n_threads));
  for (std::int64_t first = 0; first < queries.n_rows; first += group_queries) {
    const std::int64_t n_group = std::min(group_queries, queries.n_rows - first);
    const MatrixView<const float> group_view{queries.row(first), n_group, queries.n_cols};
    const PackedQueries packed(group_view, items.vectors.dtype, tile_kernels());
    const Exclusions exclusions(excluded, first, n_group);
    std::vector<std::vector<BestKeys>> best(static_cast<std::size_t>(n_workers));
    run_workers(n_workers, [&](int worker) {
      auto& mine = best[static_cast<std::size_t>(worker)];
      mine.assign(static_cast<std::size_t>(n_group), BestKeys(k));
      search_items({group_view, items, packed, exclusions}, part_begin(n_items, kStripItems, worker, n_workers),
                   part_begin(n_items, kStripItems, worker + 1, n_workers), mine);
    });
    run_workers(n_workers, [&](int worker) {
      const std::int64_t end = part_begin(n_group, 1, worker + 1, n_workers);
      for (std::int64_t q = part_begin(n_group, 1, worker, n_workers); q < end; ++q) {
        BestKeys& merged = best[0][static_cast<std::size_t>(q)];
        for (int other = 1; other < n_workers; ++other) {
          merged.merge(best[static_cast<std::size_t>(other)][static_cast<std::size_t>(q)]);
        }
        merged.write(scores.row(first + q), rows.row(first + q));
      }
    });
  }
}

void select_top_k(MatrixView<const float> scores, std::int64_t k, MatrixView<float> best,
                  MatrixView<std::int32_t> columns, int n_threads) {
  const TileKernels& kernels = tile_kernels();
  const auto n_workers = static_cast<int>(std::clamp<std::int64_t>(scores.n_rows, 1, n_threads));
  run_workers(n_workers, [&](int worker) {
    BestKeys keys(k);
    std::vector<std::int32_t> positions(static_cast<std::size_t>(kStripItems + kPanelItems));
    const std::int64_t end = part_begin(scores.n_rows, 1, worker + 1, n_workers);
    for (std::int64_t row = part_begin(scores.n_rows, 1, worker, n_workers); row < end; ++row) {
      keys.clear();
      for (std::int64_t first = 0; first < scores.n_cols; first += kStripItems) {
        const float* strip = scores.row(row) + first;
        const auto n_strip = static_cast<int>(std::min(kStripItems, scores.n_cols - first));
        const int n_found = kernels.positions_above(strip, n_strip, keys.threshold(), positions.data());
        for (int i = 0; i < n_found; ++i) {
          const std::int32_t position = positions[static_cast<std::size_t>(i)];
          if (!(strip[position] > keys.threshold())) continue;
          keys.add(make_key(strip[position], static_cast<std::uint32_t>(first + position)));
        }
      }
      keys.write(best.row(row), columns.row(row));
    }
  });
}

}  // namespace segue::kernels::cpu
