// An index searched on CUDA: the lists of the CPU, to the last bit, in every dtype, by lists, through every change.

#include <gtest/gtest.h>

#include <random>

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

}  // namespace
}  // namespace segue::item_index
