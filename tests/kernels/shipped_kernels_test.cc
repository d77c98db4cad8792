// The kernels that ship, run from their PTX: every one of them under twenty schedules, with races, bounds and
// uninitialised memory watched, and with tensor cores that err as far as they may.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/bucketed_top_k.h"
#include "kernels/cuda_items.h"
#include "tests/kernels/ivf_on_cuda.h"
#include "tests/kernels/on_cuda.h"
#include "tests/ptx/software_device.h"

namespace segue::kernels {
namespace {

constexpr unsigned kSchedules = 20;
constexpr cuda::DeviceFacts kFacts{6, 160 * 1024};

ptx::Options schedule(unsigned seed) {
  ptx::Options options;
  options.seed = seed;
  options.perturb_mma = seed % 2 == 1;
  options.resident_blocks = 2 + static_cast<int>(seed % 5);
  options.n_devices = 2;
  return options;
}

/// A size at or beside a boundary, another one for each seed.
std::int64_t beside(std::int64_t boundary, unsigned seed) { return boundary - 1 + seed % 3; }

void expect_no_faults(const std::string& what) {
  const std::vector<ptx::Fault> faults = ptx::take_faults();
  EXPECT_TRUE(faults.empty()) << what << "\n" << ptx::describe(faults);
}

class ShippedKernels : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override { ptx::configure(schedule(GetParam())); }
  void TearDown() override {
    expect_no_faults("seed " + std::to_string(GetParam()));
    ptx::configure({});
  }
};

INSTANTIATE_TEST_SUITE_P(Schedules, ShippedKernels, testing::Range(1U, kSchedules + 1));

TEST_P(ShippedKernels, TheFusedFormByEveryNominator) {
  const unsigned seed = GetParam();
  std::mt19937 random(seed);
  const std::int64_t sizes[] = {16, 64, 128, 256};
  for (const DType dtype : kDTypes) {
    for (const DType nominators : kDTypes) {
      if (!can_nominate(nominators, dtype)) continue;
      const std::int64_t n_queries = beside(sizes[(seed + static_cast<unsigned>(nominators)) % 4], seed);
      Case given = random_case(n_queries, beside(896, seed / 3), beside(64, seed / 2), dtype, 0, random);
      if (seed % 2 == 0) add_filters(given, random);
      OnCuda on_cuda(given, nominators);
      const auto plan = cuda::plan_fused(n_queries, on_cuda.nominators(), 3, kFacts);
      ASSERT_TRUE(plan);
      std::int64_t n_unfinished = 0;
      const Lists found = on_cuda.search(*plan, &n_unfinished);
      ASSERT_EQ(found, defined(given, 3)) << "seed " << seed << " " << name_of(dtype) << " by " << name_of(nominators);
      EXPECT_LE(n_unfinished * 4, n_queries) << name_of(dtype) << " by " << name_of(nominators);
    }
  }
}

TEST_P(ShippedKernels, ThePlainFormAndAllScores) {
  const unsigned seed = GetParam();
  std::mt19937 random(seed);
  for (const DType dtype : kDTypes) {
    Case given = random_case(beside(3, seed), beside(257, seed / 3), beside(17, seed), dtype,
                             static_cast<std::int64_t>(seed % 2), random);
    if (seed % 2 == 0) add_filters(given, random);
    OnCuda on_cuda(given, dtype);
    ASSERT_EQ(on_cuda.search(10, 0), defined(given, 10)) << "seed " << seed << " " << name_of(dtype);

    std::vector<float> expected(static_cast<std::size_t>(given.n_queries * given.n_items));
    const MatrixView<float> scores{expected.data(), given.n_queries, given.n_items};
    OnDevice found(kCuda, std::vector<float>(expected.size(), kNan));
    score_all(on_cuda.queries(), on_cuda.items(), {found.data(), given.n_queries, given.n_items}, kCuda);
    score_all({given.queries.data(), given.n_queries, given.dim}, given.items(), scores, kReference);
    ASSERT_EQ(bits_of(found.values()), bits_of(expected)) << "seed " << seed << " " << name_of(dtype);

    OnDevice best(kCuda, std::vector<float>(static_cast<std::size_t>(given.n_queries * 4)));
    OnDevice rows(kCuda, std::vector<std::int32_t>(best.values().size()));
    select_top_k({found.data(), given.n_queries, given.n_items}, 4, {best.data(), given.n_queries, 4},
                 {rows.data(), given.n_queries, 4}, kCuda);
    std::vector<float> best_expected(best.values().size());
    std::vector<std::int32_t> rows_expected(best_expected.size());
    select_top_k({expected.data(), given.n_queries, given.n_items}, 4, {best_expected.data(), given.n_queries, 4},
                 {rows_expected.data(), given.n_queries, 4}, kReference);
    ASSERT_EQ(rows.values(), rows_expected);
  }
}

TEST_P(ShippedKernels, Lists) {
  const unsigned seed = GetParam();
  // An odd seed takes lists long enough for a sample.
  IvfWorld world = random_world(beside(17, seed), seed % 2 == 1 ? 6'000 : 700, beside(32, seed / 2), seed);
  if (seed % 3 == 0) add_filters(world, seed);
  const ItemVectors vectors{world.items.data(), world.n_items, world.dim};
  const IvfItemArrays arrays = make_ivf_items(vectors, world.bias_data(), {seed % 2 == 1 ? 8 : 20, 3, seed}, 2);
  const std::int64_t n_probes = seed % 2 == 1 ? 5 : 6;
  ASSERT_EQ(search_on_cuda(world, vectors, arrays.view(), 3, n_probes, world.n_queries),
            search(world, vectors, arrays.view(), 3, n_probes, kReference))
      << "seed " << seed;
}

TEST_P(ShippedKernels, BucketsAndMeans) {
  const unsigned seed = GetParam();
  std::mt19937 random(seed);
  const DType dtype = kDTypes[seed % kDTypes.size()];
  const Case given = random_case(beside(16, seed), 2'000, 16, dtype, 0, random);
  OnCuda on_cuda(given, dtype);
  Device device = kCuda;
  device.workspace_bytes = bucketed_workspace_bytes(given.n_queries, on_cuda.items(), 5, 0.9, device);
  OnDevice workspace(kCuda, std::vector<char>(device.workspace_bytes));
  device.workspace = workspace.data();
  OnDevice scores(kCuda, std::vector<float>(static_cast<std::size_t>(given.n_queries * 5)));
  OnDevice rows(kCuda, std::vector<std::int32_t>(scores.values().size()));
  EXPECT_GE(bucketed_top_k(on_cuda.queries(), on_cuda.items(), {}, 5, 0.9, {scores.data(), given.n_queries, 5},
                           {rows.data(), given.n_queries, 5}, device),
            0.9);
  const std::vector<std::int32_t> found = rows.values();
  const Lists exact = defined(given, 5);
  for (std::int64_t q = 0; q < given.n_queries; ++q) {  // the best of all is the best of its bucket
    ASSERT_EQ(found[static_cast<std::size_t>(q * 5)], exact.rows[static_cast<std::size_t>(q * 5)]) << seed;
  }

  const IvfWorld world = random_world(1, beside(257, seed), 6, seed);
  IvfOptions options{7, 2, seed};
  const ItemVectors vectors{world.items.data(), world.n_items, world.dim};
  const IvfItemArrays by_cpu = make_ivf_items(vectors, nullptr, options, 1);
  options.device.kind = Device::Kind::kCuda;
  EXPECT_EQ(make_ivf_items(vectors, nullptr, options, 1).lists.rows, by_cpu.lists.rows) << seed;
}

class Manners : public testing::Test {
 protected:
  void SetUp() override { ptx::configure(schedule(7)); }
  void TearDown() override {
    expect_no_faults("manners");
    ptx::configure({});
  }
};

TEST_F(Manners, ASearchNeitherAllocatesNorWaits) {
  std::mt19937 random(1);
  const Case given = random_case(20, 700, 16, DType::kBFloat16, 0, random);
  OnCuda on_cuda(given, DType::kBFloat16);
  Device device = kCuda;
  device.workspace_bytes = top_k_workspace_bytes(20, on_cuda.items(), 5, device);
  OnDevice workspace(kCuda, std::vector<char>(device.workspace_bytes));
  device.workspace = workspace.data();
  OnDevice scores(kCuda, std::vector<float>(100));
  OnDevice rows(kCuda, std::vector<std::int32_t>(100));
  wait_for_device();
  ptx::reset_counters();
  top_k(on_cuda.queries(), on_cuda.items(), on_cuda.lists(), 5, {scores.data(), 20, 5}, {rows.data(), 20, 5}, device);
  const ptx::RuntimeCounters counters = ptx::runtime_counters();
  EXPECT_GT(counters.n_launches, 4U) << "the fused form";
  EXPECT_EQ(counters.n_allocations, 0U);
  EXPECT_EQ(counters.n_frees, 0U);
  EXPECT_EQ(counters.n_synchronisations, 0U);
  EXPECT_EQ(counters.n_copies_to_host + counters.n_copies_to_device, 0U);
  wait_for_device();
  EXPECT_EQ(rows.values(), defined(given, 5).rows);
}

TEST_F(Manners, DevicesDoNotMix) {
  std::mt19937 random(3);
  const Case given = random_case(9, 600, 16, DType::kFloat32, 0, random);
  Device second = kCuda;
  second.index = 1;
  use_device(1);
  OnCuda on_second(given, DType::kBFloat16, second);
  use_device(0);
  OnCuda on_first(given, DType::kBFloat16);
  EXPECT_EQ(on_first.search(4, 0), defined(given, 4));
  use_device(1);
  EXPECT_EQ(on_second.search(4, 1 << 20), defined(given, 4));
  use_device(0);
}

TEST_F(Manners, ADeviceThatIsFullSaysSo) {
  ptx::Options small;
  small.memory_bytes = 1 << 20;
  ptx::configure(small);
  try {
    free_on_device(allocate_on_device(2 << 20));
    FAIL() << "two megabytes of one";
  } catch (const DeviceFailure& failure) {
    EXPECT_NE(std::string(failure.what()).find("no room for 2097152 bytes"), std::string::npos) << failure.what();
  }
  free_on_device(allocate_on_device(1 << 16));  // and goes on
}

}  // namespace
}  // namespace segue::kernels
