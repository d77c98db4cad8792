// The promise of the bucketed form against counting, and against what a device finds.

#include "kernels/bucketed_top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <stdexcept>

#include "kernels/cuda_items.h"
#include "kernels/device_memory.h"
#include "tests/kernels/on_device.h"
#include "tests/kernels/search_case.h"

namespace segue::kernels {
namespace {

TEST(BucketedRecall, ByHand) {
  // Of four items in two buckets of two, the best two share a bucket in one of three cases: then one is lost.
  EXPECT_NEAR(bucketed_recall(4, 2, 2), 1 - 0.5 / 3, 1e-12);
  // The best three of six in three buckets of two: C(4, 3) / C(6, 3) leave a given bucket empty.
  EXPECT_NEAR(bucketed_recall(6, 3, 3), 1 - 4.0 / 20, 1e-12);
  EXPECT_EQ(bucketed_recall(100, 1, 3), 1);
  EXPECT_EQ(bucketed_recall(100, 10, 100), 1);
  EXPECT_NEAR(bucketed_recall(100, 100, 25), 0.25, 1e-12);  // of all items, one of each bucket
}

TEST(BucketedRecall, AgreesWithDealingOut) {
  std::mt19937 random(1);
  std::vector<int> places(1200);
  std::iota(places.begin(), places.end(), 0);
  double found = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::shuffle(places.begin(), places.end(), random);
    std::set<int> buckets;
    for (std::size_t best = 0; best < 30; ++best) buckets.insert(places[best] % 60);
    found += static_cast<double>(buckets.size()) / 30;
  }
  EXPECT_NEAR(found / kTrials, bucketed_recall(1200, 30, 60), 0.003);
}

TEST(BucketedRecall, TheFewestBucketsKeepThePromise) {
  for (const double recall : {0.5, 0.9, 0.95, 0.99, 0.999}) {
    for (const std::int64_t k : {2, 10, 100, 1000}) {
      const std::int64_t n = buckets_for(8'000'000, k, recall);
      EXPECT_GE(bucketed_recall(8'000'000, k, n), recall);
      EXPECT_LT(bucketed_recall(8'000'000, k, n - 1), recall);
    }
  }
  // arXiv 2506.04165 rounds up to powers of two.
  EXPECT_LE(buckets_for(8'000'000, 100, 0.95), 1024);
  EXPECT_GT(buckets_for(8'000'000, 100, 0.95), 512);
  EXPECT_LE(buckets_for(8'000'000, 100, 0.99), 8192);
  EXPECT_GT(buckets_for(8'000'000, 100, 0.99), 4096);
}

Lists exact_lists(const Case& given, std::int64_t k) {
  std::vector<float> scores(static_cast<std::size_t>(given.n_queries * k));
  std::vector<std::int32_t> rows(scores.size());
  top_k({given.queries.data(), given.n_queries, given.dim}, given.items(), given.lists(), k,
        {scores.data(), given.n_queries, k}, {rows.data(), given.n_queries, k}, kReference);
  return {bits_of(scores), rows};
}

struct Found {
  Lists lists;
  double promised = 0;
};

Found find_on_cuda(const Case& given, DType nominators, std::int64_t k, double recall) {
  Device device{Device::Kind::kCuda, 1, nullptr};
  OnDevice queries(device, given.queries);
  OnDevice elements(device, given.elements);
  OnDevice scales(device, given.scales);
  const auto n = static_cast<std::size_t>(given.n_queries * k);
  OnDevice scores(device, std::vector<float>(n, kNan));
  OnDevice rows(device, std::vector<std::int32_t>(n, -7));
  ItemMatrix items{{elements.data(), given.dtype, given.n_items, given.dim, 0,
                    given.dtype == DType::kInt8 ? scales.data() : nullptr}};
  OnDevice memory(device, std::vector<char>(cuda_items_bytes(items, nominators)));
  const CudaItems cuda = make_cuda_items(items, nominators, memory.data(), device);
  items.cuda = &cuda;
  device.workspace_bytes = bucketed_workspace_bytes(given.n_queries, items, k, recall, device);
  OnDevice workspace(device, std::vector<char>(device.workspace_bytes));
  device.workspace = workspace.data();
  Found found;
  found.promised = bucketed_top_k({queries.data(), given.n_queries, given.dim}, items, {}, k, recall,
                                  {scores.data(), given.n_queries, k}, {rows.data(), given.n_queries, k}, device);
  found.lists = {bits_of(scores.values()), rows.values()};
  return found;
}

/// The share of the true lists that was found.
double recall_of(const Lists& found, const Lists& exact, std::int64_t k) {
  double n_found = 0;
  for (std::size_t i = 0; i < exact.rows.size(); ++i) {
    const auto begin = found.rows.begin() + static_cast<std::ptrdiff_t>(i) / k * k;
    n_found += std::find(begin, begin + k, exact.rows[i]) != begin + k ? 1 : 0;
  }
  return n_found / static_cast<double>(exact.rows.size());
}

TEST(BucketedTopK, OnCudaTheRecallIsThePromise) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  std::mt19937 random(2);
  for (const DType dtype : kDTypes) {
    const Case given = random_case(60, 9'000, 16, dtype, 0, random);
    const Lists exact = exact_lists(given, 30);
    const Found found = find_on_cuda(given, dtype, 30, 0.8);
    EXPECT_GE(found.promised, 0.8);
    EXPECT_LT(found.promised, 1) << "the exact form would show nothing here";
    // 1,800 places: about .01 of chance, two standard deviations. The promise counts whole buckets alone; those that
    // the last tiles leave small find a little more.
    EXPECT_GE(recall_of(found.lists, exact, 30), found.promised - 0.02) << name_of(dtype);
    EXPECT_LE(recall_of(found.lists, exact, 30), found.promised + 0.05) << name_of(dtype);
    for (std::size_t i = 0; i < found.lists.rows.size(); ++i) {  // scores are those of the definition
      if (found.lists.rows[i] == kNoItemRow) continue;
      const auto q = static_cast<std::int64_t>(i) / 30;
      const float score = defined_score(given.queries.data() + q * 16, given.vectors(), found.lists.rows[i], 0);
      ASSERT_EQ(found.lists.score_bits[i], bits_of({score})[0]);
    }
  }
}

TEST(BucketedTopK, NeighboursThatAreAlikeAreFoundAsWell) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  // 45 clusters, one after the other: the best of a query are neighbours, and would share contiguous buckets.
  std::mt19937 random(3);
  Case given = random_case(60, 9'000, 16, DType::kFloat32, 0, random);
  auto* items = reinterpret_cast<float*>(given.elements.data());
  for (std::int64_t i = 0; i < given.n_items; ++i) {
    if (i % 200 == 0) continue;
    for (std::int64_t j = 0; j < 16; ++j) items[i * 16 + j] = items[i / 200 * 200 * 16 + j] + 0.1F * items[i * 16 + j];
  }
  const Lists exact = exact_lists(given, 30);
  const Found found = find_on_cuda(given, DType::kBFloat16, 30, 0.8);
  EXPECT_LT(found.promised, 1);
  EXPECT_GE(recall_of(found.lists, exact, 30), found.promised - 0.03);
}

TEST(BucketedTopK, IsExactWhereThereAreNotSoManyBucketsAndOnACpu) {
  std::mt19937 random(4);
  const Case given = random_case(3, 400, 8, DType::kFloat32, 0, random);
  const Lists exact = exact_lists(given, 20);
  std::vector<float> scores(60);
  std::vector<std::int32_t> rows(60);
  EXPECT_EQ(bucketed_top_k({given.queries.data(), 3, 8}, given.items(), {}, 20, 0.9, {scores.data(), 3, 20},
                           {rows.data(), 3, 20}, {Device::Kind::kCpu, 2, nullptr}),
            1);
  EXPECT_EQ(rows, exact.rows);
  if (cuda_device_count() == 0) return;
  const Found found = find_on_cuda(given, DType::kFloat32, 20, 0.999);
  EXPECT_EQ(found.promised, 1);
  EXPECT_EQ(found.lists, exact);
}

TEST(BucketedTopK, WrongUse) {
  std::vector<float> values(12);
  std::vector<std::int32_t> rows(4);
  const ItemMatrix items{{values.data(), 4, 3}};
  for (const double recall : {0.0, -1.0, 1.1}) {
    EXPECT_THROW(bucketed_top_k({values.data(), 1, 3}, items, {}, 2, recall, {values.data(), 1, 2}, {rows.data(), 1, 2},
                                {Device::Kind::kCpu, 1, nullptr}),
                 std::invalid_argument);
  }
}

}  // namespace
}  // namespace segue::kernels
