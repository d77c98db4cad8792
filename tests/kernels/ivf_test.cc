// Lists: equal to their definition to the last bit, whole, and worth looking into.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/ivf_items.h"
#include "kernels/top_k.h"
#include "tests/kernels/ivf_on_cuda.h"

namespace segue::kernels {
namespace {

constexpr DType kFloats[] = {DType::kFloat32, DType::kBFloat16, DType::kFloat16};

Device cpu(int n_threads) { return {Device::Kind::kCpu, n_threads, nullptr}; }

TEST(IvfTopK, EqualsTheDefinition) {
  unsigned seed = 0;
  for (const std::int64_t n_items : {1, 5, 33, 300, 1025}) {
    for (const std::int64_t n_queries : {1, 3, 40}) {
      for (const std::int64_t dim : {1, 16, 19}) {
        IvfWorld world = random_world(n_queries, n_items, dim, ++seed);
        if (seed % 2 == 0) add_filters(world, seed);
        const ItemVectorArrays stored =
            convert_rows({world.items.data(), n_items, dim}, seed % 3 == 0 ? DType::kBFloat16 : DType::kFloat32, 1);
        const IvfItemArrays arrays =
            make_ivf_items(stored.view(), world.bias_data(), {seed % 2 == 0 ? 7 : 0, 4, seed}, 2);
        const IvfItems ivf = arrays.view();
        for (const std::int64_t n_probes : {1, 2, 5, 1000}) {
          for (const std::int64_t k : {std::int64_t{1}, std::int64_t{10}, n_items + 3}) {
            const IvfLists expected = search(world, stored.view(), ivf, k, n_probes, kReference);
            for (const int n_threads : {1, 3}) {
              ASSERT_EQ(search(world, stored.view(), ivf, k, n_probes, cpu(n_threads)), expected)
                  << "n " << n_items << " queries " << n_queries << " dim " << dim << " probes " << n_probes << " k "
                  << k << " threads " << n_threads << " seed " << seed;
            }
          }
        }
      }
    }
  }
}

TEST(IvfTopK, CudaEqualsTheDefinition) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  unsigned seed = 100;
  for (const std::int64_t n_items : {5, 33, 700, 3000}) {
    for (const std::int64_t n_queries : {1, 17, 40}) {
      for (const std::int64_t dim : {1, 19, 64}) {
        IvfWorld world = random_world(n_queries, n_items, dim, ++seed);
        if (seed % 2 == 0) add_filters(world, seed);
        const ItemVectorArrays stored = convert_rows({world.items.data(), n_items, dim}, kFloats[seed % 3], 1);
        const IvfItemArrays arrays =
            make_ivf_items(stored.view(), world.bias_data(), {seed % 2 == 0 ? 7 : 0, 4, seed}, 2);
        const IvfItems ivf = arrays.view();
        for (const std::int64_t n_probes : {std::int64_t{1}, std::int64_t{5}, ivf.n_lists - 1}) {
          if (n_probes < 1 || n_probes >= ivf.n_lists) continue;
          for (const std::int64_t k : {std::int64_t{1}, std::int64_t{10}}) {
            ASSERT_EQ(search_on_cuda(world, stored.view(), ivf, k, n_probes, seed % 4 == 0 ? 7 : n_queries),
                      search(world, stored.view(), ivf, k, n_probes, kReference))
                << "n " << n_items << " queries " << n_queries << " dim " << dim << " probes " << n_probes << " k " << k
                << " seed " << seed;
          }
        }
      }
    }
  }
}

TEST(IvfTopK, CudaTakesASampleOfLongLists) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  IvfWorld world = random_world(20, 12'000, 16, 7);
  const ItemVectors vectors{world.items.data(), world.n_items, world.dim};
  const IvfItemArrays arrays = make_ivf_items(vectors, nullptr, {24, 3, 1}, 2);
  EXPECT_EQ(search_on_cuda(world, vectors, arrays.view(), 5, 10, 20),
            search(world, vectors, arrays.view(), 5, 10, kReference));
}

TEST(IvfTopK, CudaOddVectorsEqualTheDefinition) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  for (const float odd : {kNan, kInfinity, 3e38F, 1e20F, 1e-42F}) {
    IvfWorld world = random_world(6, 900, 5, 41);
    for (std::size_t i = 0; i < world.items.size(); i += 301) world.items[i] = odd;
    world.queries[0] = odd;
    const ItemVectors vectors{world.items.data(), 900, 5};
    const IvfItemArrays arrays = make_ivf_items(vectors, nullptr, {20, 4, 1}, 2);
    EXPECT_EQ(search_on_cuda(world, vectors, arrays.view(), 8, 3, 6),
              search(world, vectors, arrays.view(), 8, 3, kReference))
        << odd;
  }
}

TEST(IvfTopK, ManyQueriesOfManyListsEqualTheDefinition) {
  IvfWorld world = random_world(300, 6000, 20, 5);
  for (const bool filtered : {false, true}) {
    if (filtered) add_filters(world, 6);
    const ItemVectors vectors{world.items.data(), world.n_items, world.dim};
    const IvfItemArrays arrays = make_ivf_items(vectors, world.bias_data(), {60, 5, 1}, 2);
    for (const std::int64_t n_probes : {4, 30}) {
      const IvfLists expected = search(world, vectors, arrays.view(), 25, n_probes, kReference);
      for (const int n_threads : {1, 2})
        ASSERT_EQ(search(world, vectors, arrays.view(), 25, n_probes, cpu(n_threads)), expected) << n_probes;
    }
  }
}

TEST(IvfTopK, BatchesDoNotShow) {
  const IvfWorld world = random_world(40, 3000, 12, 8);
  const ItemVectors vectors{world.items.data(), world.n_items, world.dim};
  const IvfItemArrays arrays = make_ivf_items(vectors, nullptr, {}, 2);
  const IvfLists together = search(world, vectors, arrays.view(), 9, 6, cpu(2));
  for (std::int64_t q = 0; q < world.n_queries; ++q) {
    IvfWorld alone = world;
    alone.n_queries = 1;
    alone.queries.assign(world.queries.begin() + q * world.dim, world.queries.begin() + (q + 1) * world.dim);
    const IvfLists one = search(alone, vectors, arrays.view(), 9, 6, cpu(1));
    ASSERT_TRUE(std::equal(one.rows.begin(), one.rows.end(), together.rows.begin() + q * 9)) << q;
    ASSERT_TRUE(std::equal(one.scores.begin(), one.scores.end(), together.scores.begin() + q * 9)) << q;
  }
}

TEST(IvfTopK, AFewListsFindNearlyAllWhereItemsAreClustered) {
  // 100 clusters far apart, items around them; a query beside a cluster has its best items there.
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  IvfWorld world{50, 20'000, 16, {}, {}, {}, {}, {}, {}};
  std::vector<float> centres;
  for (int i = 0; i < 100 * 16; ++i) centres.push_back(normal(random));
  for (std::int64_t i = 0; i < world.n_items; ++i) {
    for (std::size_t j = 0; j < 16; ++j)
      world.items.push_back(centres[static_cast<std::size_t>(i % 100) * 16 + j] + 0.2F * normal(random));
  }
  for (std::size_t q = 0; q < 50; ++q)
    for (std::size_t j = 0; j < 16; ++j) world.queries.push_back(centres[q * 16 + j] + 0.2F * normal(random));
  const ItemVectors vectors{world.items.data(), world.n_items, world.dim};
  const IvfItemArrays arrays = make_ivf_items(vectors, nullptr, {100, 10, 1}, 2);
  const IvfItems ivf = arrays.view();
  const IvfLists exact = search(world, vectors, ivf, 10, ivf.n_lists, cpu(2));
  const IvfLists found = search(world, vectors, ivf, 10, 8, cpu(2));
  int n_hits = 0;
  for (std::size_t i = 0; i < found.scores.size(); ++i)
    n_hits += found.scores[i] >= exact.scores[i / 10 * 10 + 9] ? 1 : 0;
  EXPECT_GE(n_hits, 490) << "of 500, with 8 of " << ivf.n_lists << " lists";
}

TEST(IvfItems, EveryItemIsInOneListAndNoListIsEmptyOrLong) {
  IvfWorld world = random_world(1, 5000, 8, 11);
  for (std::int64_t row = 0; row < 2500; ++row)  // half of the items close together: one list would take them all
    for (std::int64_t j = 0; j < 8; ++j) world.items[static_cast<std::size_t>(row * 8 + j)] *= 1e-3F;
  const IvfItemArrays arrays = make_ivf_items(ItemVectors{world.items.data(), 5000, 8}, nullptr, {100, 8, 1}, 2);
  const IvfItems ivf = arrays.view();
  std::vector<int> seen(5000);
  for (std::int64_t list = 0; list < ivf.n_lists; ++list) {
    int n = 0;
    for (std::int64_t at = ivf.lists.firsts[ivf.first_blocks[list]]; at < ivf.lists.firsts[ivf.first_blocks[list + 1]];
         ++at) {
      if (ivf.lists.rows[at] < 0) continue;
      ++seen[static_cast<std::size_t>(ivf.lists.rows[at])];
      ++n;
    }
    EXPECT_GT(n, 0) << list;
    EXPECT_LE(n, 400) << list;  // 8 times an average list
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 5000);
}

TEST(IvfItems, TheBytesDoNotDependOnThreads) {
  IvfWorld world = random_world(1, 3000, 7, 51);
  add_filters(world, 52);
  const ItemVectors vectors{world.items.data(), 3000, 7};
  const IvfItemArrays one = make_ivf_items(vectors, world.bias_data(), {}, 1);
  const IvfItemArrays three = make_ivf_items(vectors, world.bias_data(), {}, 3);
  EXPECT_EQ(one.promises.panels, three.promises.panels);
  EXPECT_EQ(one.promises.bias, three.promises.bias);
  EXPECT_EQ(one.first_blocks, three.first_blocks);
  EXPECT_EQ(one.lists.panels, three.lists.panels);
  EXPECT_EQ(one.lists.rows, three.lists.rows);
}

TEST(IvfItems, TheBytesDoNotDependOnTheDevice) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  for (const std::int64_t dim : {1, 3, 4, 7, 12, 13, 32, 33}) {
    IvfWorld world = random_world(1, 900, dim, 53);
    add_filters(world, 54);
    const ItemVectors vectors{world.items.data(), 900, dim};
    for (const bool by_distance : {false, true}) {
      SCOPED_TRACE(std::to_string(dim) + (by_distance ? " by distance" : ""));
      IvfOptions options{20, 3, 1, by_distance};
      const IvfItemArrays one = make_ivf_items(vectors, world.bias_data(), options, 1);
      options.device.kind = Device::Kind::kCuda;
      const IvfItemArrays other = make_ivf_items(vectors, world.bias_data(), options, 1);
      EXPECT_EQ(one.promises.panels, other.promises.panels);
      EXPECT_EQ(one.first_blocks, other.first_blocks);
      EXPECT_EQ(one.lists.panels, other.lists.panels);
      EXPECT_EQ(one.lists.rows, other.lists.rows);
    }
  }
}

TEST(IvfTopK, OddVectorsEqualTheDefinition) {
  for (const float odd : {kNan, kInfinity, 3e38F, 1e20F, 1e-42F}) {
    IvfWorld world = random_world(6, 900, 5, 41);
    for (std::size_t i = 0; i < world.items.size(); i += 301) world.items[i] = odd;
    world.queries[0] = odd;
    const ItemVectors vectors{world.items.data(), 900, 5};
    const IvfItemArrays arrays = make_ivf_items(vectors, nullptr, {20, 4, 1}, 2);
    for (const std::int64_t n_probes : {3, 15}) {
      ASSERT_EQ(search(world, vectors, arrays.view(), 8, n_probes, cpu(2)),
                search(world, vectors, arrays.view(), 8, n_probes, kReference))
          << odd << ", probes " << n_probes;
    }
    if (!std::isfinite(odd)) {
      const IvfLists found = search(world, vectors, arrays.view(), 8, 3, cpu(1));
      EXPECT_EQ(found.rows[0], kNoItemRow) << "a query that is not finite looks into no list";
      EXPECT_NE(found.rows[8], kNoItemRow);
    }
  }
}

TEST(IvfTopK, EqualItemsGoByRow) {
  const IvfWorld world{1, 500, 3, {1, 2, 3}, std::vector<float>(1500, 0.5F), {}, {}, {}, {}};
  const ItemVectors vectors{world.items.data(), 500, 3};
  const IvfItemArrays arrays = make_ivf_items(vectors, nullptr, {}, 2);
  const IvfLists found = search(world, vectors, arrays.view(), 3, 1000, cpu(1));
  EXPECT_EQ(found.rows, (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(IvfTopK, WrongUse) {
  const IvfWorld world = random_world(2, 50, 3, 1);
  const ItemVectors vectors{world.items.data(), 50, 3};
  const IvfItemArrays arrays = make_ivf_items(vectors, nullptr, {}, 1);
  EXPECT_THROW(search(world, vectors, arrays.view(), 0, 1, cpu(1)), std::invalid_argument);
  EXPECT_THROW(search(world, vectors, arrays.view(), 1, 0, cpu(1)), std::invalid_argument);
  EXPECT_THROW(search(world, {world.items.data(), 49, 3}, arrays.view(), 1, 1, cpu(1)), std::invalid_argument);
  IvfWorld biased = world;
  biased.bias.assign(50, 1.0F);
  EXPECT_THROW(search(biased, vectors, arrays.view(), 1, 1, cpu(1)), std::invalid_argument);
  if (cuda_device_count() == 0) {
    EXPECT_THROW(search(world, vectors, arrays.view(), 1, 1, {Device::Kind::kCuda, 1, nullptr}), DeviceFailure);
  }
  EXPECT_THROW(make_ivf_items(vectors, nullptr, {-1}, 1), std::invalid_argument);
  EXPECT_THROW(make_ivf_items(vectors, nullptr, {0, 0}, 1), std::invalid_argument);
  const ItemVectorArrays int8 = convert_rows({world.items.data(), 50, 3}, DType::kInt8, 1);
  EXPECT_THROW(make_ivf_items(int8.view(), nullptr, {}, 1), std::invalid_argument);
}

}  // namespace
}  // namespace segue::kernels
