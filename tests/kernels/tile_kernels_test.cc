// Every instruction set that this processor runs gives the bits of the definition.

#include "kernels/cpu/tile_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
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
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    sets.push_back(&avx2_tile_kernels());
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq")) {
    sets.push_back(&avx512_tile_kernels());
    if (__builtin_cpu_supports("avx512vnni")) sets.push_back(&avx512_vnni_tile_kernels());
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
          const PackedQueries packed({queries.data(), n_queries, dim}, DType::kFloat32, *kernels);
          ItemTile tile(dim, DType::kFloat32, *kernels);
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

TEST(TileKernels, EveryValueIsWidened) {
  // All 65,536 values as items of one dimension count the single elements, as rows of 64 the vectors of them.
  std::vector<std::uint16_t> bits(0x1'0000);
  std::iota(bits.begin(), bits.end(), std::uint16_t{0});
  std::vector<std::int8_t> levels(0x1'0000);
  for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = static_cast<std::int8_t>(i % 256);
  const auto widened = [&](DType dtype, std::size_t at) {
    return dtype == DType::kInt8       ? static_cast<float>(levels[at])
           : dtype == DType::kBFloat16 ? to_float32(BFloat16{bits[at]})
                                       : to_float32(Float16{bits[at]});
  };
  for (const TileKernels* kernels : runnable_sets()) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat16, DType::kInt8}) {
      const auto* elements =
          dtype == DType::kInt8 ? static_cast<const void*>(levels.data()) : static_cast<const void*>(bits.data());
      for (const std::size_t dim : {1U, 64U}) {
        for (std::size_t first = 0; first < 0x1'0000U; first += 16 * dim) {
          std::vector<float> panel(16 * dim);
          kernels->pack_panel(
              static_cast<const std::byte*>(elements) + first * static_cast<std::size_t>(bytes_of(dtype)), dtype,
              static_cast<std::int64_t>(dim), 16, static_cast<std::int64_t>(dim), panel.data());
          for (std::size_t i = 0; i < 16 * dim; ++i) {
            const float expected = widened(dtype, first + i);
            const float got = panel[i % dim * 16 + i / dim];
            ASSERT_TRUE(std::isnan(expected) ? std::isnan(got)
                                             : got == expected && std::signbit(got) == std::signbit(expected))
                << kernels->name << " " << name_of(dtype) << " " << first + i << ": " << got;
          }
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
