// An index searched on CUDA: the lists of the CPU, to the last bit, in every dtype, by lists, through every change.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "item_index/index_writer.h"
#include "item_index/item_index.h"
#include "tests/events/scratch_folder.h"
#include "tests/item_index/plain_index.h"

namespace segue::item_index {
namespace {

constexpr std::int64_t kDim = 12;
constexpr std::int64_t kQueries = 18;

std::vector<float> normal_numbers(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

class DeviceSegmentTest : public testing::Test {
 protected:
  void SetUp() override {
    if (kernels::cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  }
  /// Lists of two lengths, with nothing hidden and with filters.
  void expect_the_same(const IndexOptions& options) {
    build_index(path_, items_of(normal_numbers(2000 * kDim, 1), kDim), options, 1);
    add_items(path_, items_of(normal_numbers(50 * kDim, 2), kDim), 1);
    remove_items(path_, {3, 700, 2010});
    const auto index = ItemIndex::open(path_);
    const std::vector<float> queries = normal_numbers(kQueries * kDim, 3);
    std::vector<std::uint32_t> allowed(static_cast<std::size_t>((index.n_rows() + 31) / 32), 0xEEEE'7777U);
    std::vector<std::int64_t> offsets{0};
    std::vector<std::int32_t> excluded;
    for (std::int32_t q = 0; q < kQueries; ++q) {
      for (std::int32_t i = 0; i < q % 4; ++i) excluded.push_back(100 * q + i);
      offsets.push_back(static_cast<std::int64_t>(excluded.size()));
    }
    for (const std::int64_t k : {1, 9}) {
      SearchOptions plain{.k = k, .device = cpu(1)};
      SearchOptions filtered = plain;
      filtered.allowed = allowed.data();
      filtered.excluded = {offsets.data(), excluded.data()};
      for (SearchOptions asked : {plain, filtered}) {
        const FoundLists expected = search(index, queries, asked);
        asked.device = {kernels::Device::Kind::kCuda, 1, nullptr};
        ASSERT_EQ(search(index, queries, asked), expected)
            << kernels::name_of(options.dtype) << ", k " << k << (asked.allowed != nullptr ? ", filtered" : "");
      }
    }
  }
  ScratchFolder folder_;
  std::filesystem::path path_ = folder_ / "index";
};

TEST_F(DeviceSegmentTest, FindsWhatTheCpuFindsInEveryDtypeAndMetric) {
  for (const auto dtype :
       {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16, kernels::DType::kInt8}) {
    for (const auto metric : {kernels::Metric::kInnerProduct, kernels::Metric::kL2, kernels::Metric::kCosine}) {
      IndexOptions options;
      options.dtype = dtype;
      options.metric = metric;
      expect_the_same(options);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(DeviceSegmentTest, FindsWhatTheCpuFindsByLists) {
  for (const auto dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    IndexOptions options;
    options.kind = IndexKind::kIvf;
    options.dtype = dtype;
    options.lists = 25;
    options.probes = 4;
    expect_the_same(options);
    if (HasFatalFailure()) return;
  }
}

TEST_F(DeviceSegmentTest, BucketsKeepTheRecallThatIsSaid) {
  constexpr std::int64_t kMany = 100;
  build_index(path_, items_of(normal_numbers(3000 * kDim, 1), kDim), {}, 1);
  remove_items(path_, {5, 90});
  const auto index = ItemIndex::open(path_);
  const std::vector<float> queries = normal_numbers(kMany * kDim, 4);
  const kernels::MatrixView<const float> asked{queries.data(), kMany, kDim};
  const auto run = [&](const SearchOptions& options, FoundLists& found) {
    found.scores.resize(static_cast<std::size_t>(kMany * options.k));
    found.ids.resize(found.scores.size());
    return index.search(asked, options, {found.scores.data(), kMany, options.k}, {found.ids.data(), kMany, options.k});
  };
  SearchOptions options{.k = 10, .recall = 0.9, .device = cpu(1)};
  FoundLists exact, found;
  EXPECT_EQ(run(options, exact), 1) << "a CPU loses nothing";
  options.device = {kernels::Device::Kind::kCuda, 1, nullptr};
  const double expected = run(options, found);
  EXPECT_GE(expected, 0.9);
  EXPECT_LT(expected, 1);
  std::int64_t n_kept = 0;
  for (std::int64_t q = 0; q < kMany; ++q) {
    const auto begin = exact.ids.begin() + q * 10;
    for (std::int64_t i = 0; i < 10; ++i)
      n_kept += std::find(begin, begin + 10, found.ids[static_cast<std::size_t>(q * 10 + i)]) != begin + 10 ? 1 : 0;
  }
  const double measured = static_cast<double>(n_kept) / (kMany * 10);
  // Four standard deviations of a thousand places, by the binomial distribution.
  EXPECT_NEAR(measured, expected, 4 * std::sqrt(expected * (1 - expected) / 1000));
  options.recall = 0;
  EXPECT_THROW(run(options, found), std::invalid_argument);
}

TEST_F(DeviceSegmentTest, ListsThatAreMadeThereAreTheSame) {
  IndexOptions options;
  options.kind = IndexKind::kIvf;
  options.lists = 7;
  options.probes = 3;
  const std::vector<float> vectors = normal_numbers(600 * kDim, 5);
  const NewItems items = items_of(vectors, kDim);
  const kernels::Device cuda{kernels::Device::Kind::kCuda, 1, nullptr};
  const auto by_cpu = build_index(folder_ / "cpu", items, options, 1);
  const auto by_cuda = build_index(folder_ / "cuda", items, options, 1, {}, cuda);
  ASSERT_EQ(by_cuda.segments.size(), 1U);
  EXPECT_EQ(by_cuda.segments[0].xxh3, by_cpu.segments[0].xxh3);
  EXPECT_EQ(compact_index(folder_ / "cuda", 1, cuda).manifest.segments[0].xxh3, by_cpu.segments[0].xxh3);
}

}  // namespace
}  // namespace segue::item_index
