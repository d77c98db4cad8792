// Every instruction set that this processor runs gives the bits of the definition.

#include "kernels/cpu/tile_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/packed_queries.h"
#include "kernels/top_k.h"

namespace segue::kernels::cpu {
namespace {

std::vector<const TileKernels*> runnable_sets() {
  std::vector<const TileKernels*> sets = {&portable_tile_kernels()};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back(&avx2_tile_kernels());
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq")) {
    sets.push_back(&avx512_tile_kernels());
  }
#endif
  return sets;
}

TEST(TileKernels, ScoresAreThoseOfTheDefinition) {
  std::mt19937 random(20);
  std::normal_distribution<float> normal;
  for (const TileKernels* kernels : runnable_sets()) {
    for (const std::int64_t dim : {1, 7, 8, 9, 15, 16, 17, 64, 65}) {
      for (const std::int64_t n_queries : {1, 2, 3, 5, 6, 7, 11, 12, 13, 25}) {
        for (const std::int64_t n_items : {1, 15, 16, 17, 31, 32}) {
          SCOPED_TRACE(std::string(kernels->name) + " dim " + std::to_string(dim) + " queries " +
                       std::to_string(n_queries) + " items " + std::to_string(n_items));
          std::vector<float> queries(static_cast<std::size_t>(n_queries * dim));
          std::vector<float> items(static_cast<std::size_t>(n_items * dim));
          std::vector<float> bias(static_cast<std::size_t>(n_items));
          for (auto* values : {&queries, &items, &bias}) {
            for (float& value : *values) value = normal(random);
          }
          const PackedQueries packed({queries.data(), n_queries, dim}, *kernels);
          ItemTile tile(dim, *kernels);
          tile.load({items.data(), n_items, dim}, bias.data(), 0, n_items);
          std::int64_t n_done = 0;
          for (const PackedQueries::Tile& block : packed.tiles()) {
            float out[kMaxTileQueries * kTileItems];
            tile.score(block, out, kTileItems);
            for (int q = 0; q < block.n_queries; ++q, ++n_done) {
              for (std::int64_t i = 0; i < n_items; ++i) {
                ASSERT_EQ(
                    out[q * kTileItems + i],
                    defined_score(&queries[static_cast<std::size_t>((block.first + q) * dim)],
                                  &items[static_cast<std::size_t>(i * dim)], dim, bias[static_cast<std::size_t>(i)]));
              }
            }
          }
          EXPECT_EQ(n_done, n_queries);
        }
      }
    }
  }
}

TEST(TileKernels, PositionsAboveSkipNanAndEqualScores) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const TileKernels* kernels : runnable_sets()) {
    for (const int n : {0, 1, 7, 8, 9, 15, 16, 17, 33}) {
      std::vector<float> scores(static_cast<std::size_t>(n));
      std::vector<std::int32_t> expected;
      const float pattern[] = {1.0F, kNan, 2.0F, -kInfinity, kInfinity, 0.5F, 1.5F};
      for (int i = 0; i < n; ++i) {
        scores[static_cast<std::size_t>(i)] = pattern[i % 7];
        if (pattern[i % 7] > 1.0F) expected.push_back(i);
      }
      std::vector<std::int32_t> positions(static_cast<std::size_t>(n + kPanelItems));
      positions.resize(static_cast<std::size_t>(kernels->positions_above(scores.data(), n, 1.0F, positions.data())));
      EXPECT_EQ(positions, expected) << kernels->name << " n " << n;
    }
  }
}

}  // namespace
}  // namespace segue::kernels::cpu
