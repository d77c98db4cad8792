// The fused form on CUDA: whatever it nominates by, ids and score bits are those of the definition.

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>

#include "kernels/cuda/fused_top_k.h"
#include "kernels/cuda/sample_rank.h"
#include "kernels/cuda_items.h"
#include "tests/kernels/on_cuda.h"

namespace segue::kernels {
namespace {

/// Few multiprocessors, so that small searches are split as large ones are.
cuda::DeviceFacts few_processors() {
  cuda::DeviceFacts facts = cuda::facts_of_current_device();
  facts.n_processors = 6;
  return facts;
}

std::string describe(const Case& given, DType nominators, std::int64_t k) {
  return std::string(name_of(given.dtype)) + " by " + name_of(nominators) + " queries " +
         std::to_string(given.n_queries) + " items " + std::to_string(given.n_items) + " dim " +
         std::to_string(given.dim) + " k " + std::to_string(k);
}

std::vector<DType> nominators_of(DType dtype) {
  std::vector<DType> all;
  for (const DType nominators : kDTypes)
    if (can_nominate(nominators, dtype)) all.push_back(nominators);
  return all;
}

class CudaTopK : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  }
  /// The fused form gives the definition's lists, and finishes but `most_unfinished` of the queries itself.
  void expect_the_definition(const Case& given, DType nominators, std::int64_t k, double most_unfinished) {
    OnCuda on_cuda(given, nominators);
    const auto plan = cuda::plan_fused(given.n_queries, on_cuda.nominators(), k, few_processors());
    const std::string of = describe(given, nominators, k);
    ASSERT_TRUE(plan) << of;
    std::int64_t n_unfinished = 0;
    const Lists found = on_cuda.search(*plan, &n_unfinished);
    const Lists expected = defined(given, k);
    ASSERT_EQ(found.rows, expected.rows) << of;
    ASSERT_EQ(found.score_bits, expected.score_bits) << of;
    EXPECT_LE(static_cast<double>(n_unfinished), most_unfinished * static_cast<double>(given.n_queries)) << of;
  }
};

TEST_F(CudaTopK, EveryDtypeNominatesTheDefinition) {
  std::mt19937 random(1);
  for (const DType dtype : kDTypes) {
    for (const DType nominators : nominators_of(dtype)) {
      expect_the_definition(random_case(17, 1025, 65, dtype, 0, random), nominators, 10, 0.1);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(CudaTopK, GroupsOfQueriesAroundBoundaries) {
  std::mt19937 random(2);
  for (const std::int64_t n_queries : {1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 257}) {
    const DType dtype = kDTypes[static_cast<std::size_t>(n_queries) % kDTypes.size()];
    Case given = random_case(n_queries, 900, 32, dtype, 0, random);
    if (n_queries % 2 == 0) add_filters(given, random);
    expect_the_definition(given, dtype, 3, 0.1);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaTopK, ItemsAroundBoundaries) {
  std::mt19937 random(3);
  for (const std::int64_t n_items : {511, 512, 513, 639, 640, 641, 1023, 1024, 1025, 2047, 2048, 2049}) {
    Case given = random_case(3, n_items, 16, DType::kBFloat16, 0, random);
    if (n_items % 2 == 0) add_filters(given, random);
    expect_the_definition(given, DType::kBFloat16, 5, 0.35);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaTopK, DimensionsAroundBoundaries) {
  std::mt19937 random(4);
  std::size_t i = 0;
  for (const std::int64_t dim : {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 257}) {
    for (const DType dtype : {DType::kFloat32, DType::kInt8}) {
      const auto all = nominators_of(dtype);
      const DType nominators = all[i++ % all.size()];
      // One dimension at few levels ties items by the hundred: then the plain form has much to do.
      expect_the_definition(random_case(5, 700, dim, dtype, static_cast<std::int64_t>(i % 3), random), nominators, 7,
                            dim < 8 ? 1.0 : 0.4);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(CudaTopK, ListsOfManyLengths) {
  std::mt19937 random(5);
  const Case given = random_case(4, 12'000, 8, DType::kFloat16, 0, random);
  OnCuda on_cuda(given, DType::kFloat16);
  for (const std::int64_t k : {1, 2, 31, 100, 257}) {
    const auto plan = cuda::plan_fused(given.n_queries, on_cuda.nominators(), k, few_processors());
    ASSERT_TRUE(plan) << k;
    ASSERT_EQ(on_cuda.search(*plan), defined(given, k)) << k;
  }
  EXPECT_FALSE(cuda::plan_fused(given.n_queries, on_cuda.nominators(), 6000, few_processors()))
      << "a list of half the items";
}

TEST_F(CudaTopK, OddValuesEqualTheDefinition) {
  std::mt19937 random(6);
  for (int i = 0; i < 24; ++i) {
    const DType dtype = kDTypes[static_cast<std::size_t>(i) % kDTypes.size()];
    Case given = random_case(3, 600, 20, dtype, 0, random);
    if (i % 3 != 0) add_filters(given, random);
    for (int more = 0; more < 3; ++more) add_odd_values(given, random);
    const auto all = nominators_of(dtype);
    expect_the_definition(given, all[static_cast<std::size_t>(i) / 4 % all.size()], 6, 1.0);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaTopK, AsManyCandidatesAsItemsAreFinishedByThePlainForm) {
  // Queries of zeros and equal items tie all items: more candidates than there is room for.
  std::mt19937 random(7);
  Case given = random_case(18, 1500, 16, DType::kBFloat16, 0, random);
  std::fill_n(given.queries.begin(), 16 * 9, 0.0F);
  OnCuda on_cuda(given, DType::kBFloat16);
  const auto plan = cuda::plan_fused(given.n_queries, on_cuda.nominators(), 10, few_processors());
  ASSERT_TRUE(plan);
  std::int64_t n_unfinished = 0;
  EXPECT_EQ(on_cuda.search(*plan, &n_unfinished), defined(given, 10));
  EXPECT_GE(n_unfinished, 9);
  EXPECT_LE(n_unfinished, 11);
}

TEST_F(CudaTopK, FewerThanAskedForEndInEmptySlots) {
  std::mt19937 random(8);
  Case given = random_case(5, 800, 12, DType::kFloat32, 0, random);
  given.allowed.assign(25, 0);
  given.allowed[3] = 0x8000'0101U;  // three items
  expect_the_definition(given, DType::kFloat32, 10, 1.0);
}

TEST_F(CudaTopK, TheWorkspaceDoesNotShow) {
  std::mt19937 random(9);
  Case given = random_case(70, 1100, 24, DType::kBFloat16, 0, random);
  add_filters(given, random);
  OnCuda on_cuda(given, DType::kBFloat16);
  const Lists expected = defined(given, 4);
  const std::size_t whole = top_k_workspace_bytes(70, on_cuda.items(), 4, kCuda);
  ASSERT_GT(whole, 0U);
  for (const std::size_t n_bytes : {std::size_t{0}, std::size_t{256}, whole / 5, whole / 2, whole})
    EXPECT_EQ(on_cuda.search(4, n_bytes), expected) << n_bytes << " of " << whole << " bytes";
}

/// P(Poisson(mean) <= n), by its terms.
double poisson_at_most(double mean, std::int64_t n) {
  double term = std::exp(-mean);
  double sum = term;
  for (std::int64_t i = 1; i <= n; ++i) sum += term *= mean / static_cast<double>(i);
  return sum;
}

TEST_F(CudaTopK, ASampleHardlyEverMisleads) {
  // A query that the plain form has to finish takes a thousand times as long as the others. Two things may come of a
  // sample: of the best k items too many are in it, and the threshold is too high; or too few of all, and candidates
  // find no room. Both have to be rare among millions of queries.
  CudaItems items;
  items.n_items = 1'000'000;
  items.dim = 64;
  items.nominators = DType::kBFloat16;
  items.row_bytes = 128;
  for (const std::int64_t n_queries : {1, 64, 128, 1000}) {
    for (const std::int64_t k : {1, 2, 10, 50, 100, 300, 600}) {
      const auto plan = cuda::plan_fused(n_queries, items, k, few_processors());
      ASSERT_TRUE(plan) << k;
      const auto step = static_cast<double>(plan->sample_step);
      const std::int64_t rank = cuda::sample_rank(k, plan->sample_step);
      const double too_high = 1 - poisson_at_most(static_cast<double>(k) / step, rank - 1);
      EXPECT_LT(too_high, 5e-8) << n_queries << " queries, k " << k << ", every " << step << "th";
      EXPECT_GE(plan->n_buckets, 4 * rank) << n_queries << " queries, k " << k;
      const double no_room = poisson_at_most(static_cast<double>(plan->capacity) / step, rank - 1);
      EXPECT_LT(no_room, 1e-7) << n_queries << " queries, k " << k << ", every " << step << "th, room for "
                               << plan->capacity;
    }
  }
}

TEST_F(CudaTopK, PlansFitTheDevice) {
  std::mt19937 random(10);
  const Case given = random_case(1, 600, 300, DType::kFloat32, 0, random);
  OnCuda on_cuda(given, DType::kFloat32);
  std::int64_t before = 0;
  for (const std::size_t shared_kb : {99, 163}) {
    const auto plan = cuda::plan_fused(1000, on_cuda.nominators(), 2, {100, shared_kb * 1024});
    ASSERT_TRUE(plan);
    EXPECT_GE(plan->block_queries, before) << shared_kb;
    before = plan->block_queries;
  }
  EXPECT_EQ(before, 64);  // 64 rows of 1,280 bytes and the ring
  EXPECT_FALSE(cuda::plan_fused(1000, on_cuda.nominators(), 2, {100, 60 * 1024})) << "not even 16 queries have room";
}

}  // namespace
}  // namespace segue::kernels
