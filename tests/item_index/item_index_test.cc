#include "item_index/item_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "item_index/index_writer.h"
#include "support/errors.h"
#include "tests/events/scratch_folder.h"
#include "tests/item_index/plain_index.h"

namespace segue::item_index {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kDim = 5;

template <class Body>
std::string failure(Body body) {
  try {
    body();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no failure";
}

std::vector<std::int64_t> numbers(std::int64_t first, std::int64_t n) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

class ItemIndexTest : public testing::Test {
 protected:
  void build(std::int64_t n, const std::vector<std::int64_t>& ids = {}) {
    const auto vectors = whole_numbers(static_cast<std::size_t>(n * kDim), 1);
    build_index(path_, items_of(vectors, kDim, ids), {}, 2);
    plain_.add(vectors, ids.empty() ? numbers(0, n) : ids);
  }
  IndexChange add(std::int64_t n, unsigned seed, const std::vector<std::int64_t>& ids = {}) {
    const auto vectors = whole_numbers(static_cast<std::size_t>(n * kDim), seed);
    const auto next = ItemIndex::open(path_).manifest().next_id;
    auto change = add_items(path_, items_of(vectors, kDim, ids), 2);
    plain_.add(vectors, ids.empty() ? numbers(next, n) : ids);
    return change;
  }
  void remove(const std::vector<std::int64_t>& ids) {
    remove_items(path_, ids);
    for (const auto id : ids) plain_.remove(id);
  }
  /// Lists equal those of the definition for every k, one query at a time and all together, on any number of threads.
  void expect_equal() const {
    const auto index = ItemIndex::open(path_);
    EXPECT_EQ(index.n_items(), static_cast<std::int64_t>(plain_.ids().size()));
    const auto all = static_cast<std::int64_t>(plain_.ids().size());
    for (const std::int64_t k : {std::int64_t{1}, std::int64_t{7}, all + 1, all + 3}) {
      const auto expected = plain_.search(queries_, k);
      std::vector<kernels::Device> devices = {cpu(1), cpu(3)};
      if (kernels::cuda_device_count() > 0) devices.push_back({kernels::Device::Kind::kCuda, 1, nullptr});
      for (const auto& device : devices) {
        SearchOptions options;
        options.k = k;
        options.device = device;
        EXPECT_EQ(search(index, queries_, options), expected)
            << "k " << k << ", device " << static_cast<int>(device.kind) << ", " << device.n_threads << " threads";
      }
    }
  }
  ScratchFolder folder_;
  std::filesystem::path path_ = folder_ / "index";
  PlainIndex plain_{kDim};
  std::vector<float> queries_ = whole_numbers(9 * kDim, 99);
};

TEST_F(ItemIndexTest, FindsWhatTheDefinitionFinds) {
  build(300);
  expect_equal();
}

TEST_F(ItemIndexTest, SegmentsAreOneIndex) {
  build(70);
  add(45, 2);
  add(1, 3);
  add(130, 4, numbers(5'000'000'000, 130));
  add(20, 5);
  EXPECT_EQ(ItemIndex::open(path_).segments().size(), 5u);
  EXPECT_EQ(plain_.ids().back(), 5'000'000'149);  // numbered on from the largest
  expect_equal();
}

TEST_F(ItemIndexTest, EqualScoresGoToTheLowerRowAcrossSegments) {
  const std::vector<float> ones(4 * kDim, 1.0F);
  build_index(path_, items_of(ones, kDim, {50, 40, 30, 20}), {}, 1);
  add_items(path_, items_of(ones, kDim, {9, 8, 7, 6}), 1);
  const auto lists = search(ItemIndex::open(path_), std::vector<float>(kDim, 2.0F), {.k = 6});
  EXPECT_THAT(lists.ids, ElementsAre(50, 40, 30, 20, 9, 8));
  EXPECT_THAT(lists.scores, testing::Each(10.0F));
}

TEST_F(ItemIndexTest, RemovedItemsAreNotFound) {
  build(100);
  add(50, 2);
  remove({3, 149, 64, 100});
  expect_equal();
  remove({0, 1, 2, 4});
  expect_equal();
  EXPECT_EQ(ItemIndex::open(path_).n_rows(), 150);
}

TEST_F(ItemIndexTest, AnIdThatComesAgainReplacesItsItem) {
  build(60);
  const auto change = add(4, 2, {10, 1000, 59, 0});
  EXPECT_EQ(change.n_added, 1);
  EXPECT_EQ(change.n_replaced, 3);
  expect_equal();
  add(2, 3, {1000, 10});
  expect_equal();
  remove({1000});
  add(1, 4, {1000});
  expect_equal();
}

TEST_F(ItemIndexTest, CompactionChangesNoList) {
  build(100);
  add(5, 2, {5, 7, 9, 1000, 1001});
  add(30, 3);
  remove({0, 99, 1000, 1010});
  const auto before = search(ItemIndex::open(path_), queries_, {.k = 50});
  compact_index(path_, 2);
  const auto index = ItemIndex::open(path_);
  EXPECT_EQ(search(index, queries_, {.k = 50}), before);
  EXPECT_EQ(index.segments().size(), 1u);
  EXPECT_EQ(index.n_rows(), index.n_items());
  expect_equal();
  // The id of a removed item is not given out again.
  const auto next = index.manifest().next_id;
  remove({next - 1});
  compact_index(path_, 1);
  add(1, 4);
  EXPECT_EQ(plain_.ids().back(), next);
  expect_equal();
}

TEST_F(ItemIndexTest, AllItemsMayGoAndOthersCome) {
  build(3);
  remove({0, 1, 2});
  expect_equal();
  compact_index(path_, 1);
  expect_equal();
  add(2, 7);
  expect_equal();
}

TEST_F(ItemIndexTest, ALargeSegmentHoldsAnInt8CopyAndFindsTheSame) {
  const std::int64_t n = kernels::kLeastInt8Items + 5;
  build(n);
  ASSERT_NE(ItemIndex::open(path_).segments().front()->items().int8, nullptr);
  add(3, 2, {17, 32767, 40000});
  remove({0, 1, 2, n - 1});
  const auto index = ItemIndex::open(path_);
  EXPECT_EQ(search(index, queries_, {.k = 20, .device = cpu(2)}), plain_.search(queries_, 20));
}

TEST_F(ItemIndexTest, TheSameBytesOnAnyNumberOfThreads) {
  const auto vectors = whole_numbers(40'000 * kDim, 1, 100);
  build_index(folder_ / "one", items_of(vectors, kDim), {}, 1);
  build_index(folder_ / "three", items_of(vectors, kDim), {}, 3);
  for (const char* name : {"manifest.json", "segment-000001.safetensors"}) {
    EXPECT_EQ(storage::read_file(folder_ / "one" / name), storage::read_file(folder_ / "three" / name)) << name;
  }
}

TEST_F(ItemIndexTest, ABiasIsAddedToScores) {
  const auto vectors = whole_numbers(40 * kDim, 1);
  const auto bias = whole_numbers(40, 2);
  auto items = items_of(vectors, kDim);
  items.bias = bias.data();
  build_index(path_, items, {}, 1);
  const auto lists = search(ItemIndex::open(path_), std::vector<float>(kDim, 0.0F), {.k = 40});
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(lists.scores[i], bias[static_cast<std::size_t>(lists.ids[i])]);
  remove_items(path_, {3});
  compact_index(path_, 1);
  const auto compacted = search(ItemIndex::open(path_), std::vector<float>(kDim, 0.0F), {.k = 39});
  for (std::size_t i = 0; i < 39; ++i) EXPECT_EQ(compacted.scores[i], bias[static_cast<std::size_t>(compacted.ids[i])]);
  EXPECT_THAT(failure([&] { add_items(path_, items_of(vectors, kDim), 1); }), HasSubstr("bias"));
}

TEST_F(ItemIndexTest, AShorterListIsTheBeginningOfALongerOne) {
  build(80);
  add(60, 2);
  remove({11, 100});
  const auto index = ItemIndex::open(path_);
  const auto longest = search(index, queries_, {.k = 100});
  for (const std::int64_t k : {1, 2, 31, 99}) {
    const auto lists = search(index, queries_, {.k = k});
    for (std::size_t q = 0; q < 9; ++q) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i)
        ASSERT_EQ(lists.ids[q * static_cast<std::size_t>(k) + i], longest.ids[q * 100 + i]);
    }
  }
}

TEST_F(ItemIndexTest, FiltersHoldAcrossSegments) {
  build(45);  // the next segments begin inside a word of the bitset
  add(50, 2);
  add(40, 3);
  remove({0, 46, 47});
  const auto index = ItemIndex::open(path_);
  const std::int64_t n = index.n_rows(), k = 30;
  std::vector<std::uint32_t> allowed(static_cast<std::size_t>(n + 31) / 32);
  for (std::int64_t row = 0; row < n; row += 3) allowed[static_cast<std::size_t>(row / 32)] |= 1U << (row % 32);
  std::vector<std::int64_t> offsets = {0};
  std::vector<std::int32_t> excluded;
  for (int q = 0; q < 9; ++q) {
    for (const int row : {3 * q, 45 + 3 * q, 99 + 3 * q}) excluded.push_back(row);
    offsets.push_back(static_cast<std::int64_t>(excluded.size()));
  }
  const auto whole = search(index, queries_, {.k = n});
  const auto lists =
      search(index, queries_,
             {.k = k, .allowed = allowed.data(), .excluded = {offsets.data(), excluded.data()}, .device = cpu(2)});
  for (std::size_t q = 0; q < 9; ++q) {
    // Ids are rows here.
    std::vector<std::int64_t> expected;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      const auto row = whole.ids[q * static_cast<std::size_t>(n) + i];
      const auto seen = excluded.begin() + static_cast<std::ptrdiff_t>(3 * q);
      if (row >= 0 && row % 3 == 0 && std::find(seen, seen + 3, row) == seen + 3) expected.push_back(row);
    }
    expected.resize(static_cast<std::size_t>(k), kNoItemId);
    const auto begin = lists.ids.begin() + static_cast<std::ptrdiff_t>(q) * k;
    EXPECT_EQ(std::vector<std::int64_t>(begin, begin + k), expected) << "query " << q;
  }
}

TEST_F(ItemIndexTest, AMissingDeviceIsNamed) {
  if (kernels::cuda_device_count() > 0) GTEST_SKIP() << "there is a device";
  build(10);
  const SearchOptions options{.k = 1, .device = {kernels::Device::Kind::kCuda, 1, nullptr}};
  EXPECT_THROW(search(ItemIndex::open(path_), queries_, options), kernels::DeviceFailure);
}

TEST_F(ItemIndexTest, AddedVectorsAreNotOfTheWeights) {
  const auto vectors = whole_numbers(3 * kDim, 1);
  auto items = items_of(vectors, kDim);
  items.weights = "0123456789abcdef";
  build_index(path_, items, {}, 1);
  remove_items(path_, {0});
  EXPECT_EQ(compact_index(path_, 1).manifest.weights, "0123456789abcdef");
  EXPECT_EQ(add_items(path_, items_of(vectors, kDim), 1).manifest.weights, "");
}

TEST_F(ItemIndexTest, WrongUseIsNamed) {
  build(10);
  const auto vectors = whole_numbers(2 * kDim, 2);
  EXPECT_THAT(failure([&] {
                remove_items(path_, {3, 77, 4});
              }),
              AllOf(HasSubstr("no item 77"), HasSubstr("nothing was changed")));
  EXPECT_THAT(failure([&] { add_items(path_, items_of(vectors, kDim, {5, 5}), 1); }), HasSubstr("5 comes twice"));
  EXPECT_THAT(failure([&] { add_items(path_, items_of(vectors, kDim, {5, -1}), 1); }), HasSubstr("-1"));
  EXPECT_THAT(failure([&] { add_items(path_, items_of(vectors, kDim, {5}), 1); }), HasSubstr("1 ids for 2 vectors"));
  EXPECT_THAT(failure([&] { add_items(path_, items_of(vectors, 2), 1); }),
              AllOf(HasSubstr("5 dimensions"), HasSubstr("2")));
  add(1, 3, {std::numeric_limits<std::int64_t>::max()});
  EXPECT_THAT(failure([&] { add_items(path_, items_of(vectors, kDim), 1); }), HasSubstr("--ids"));
  expect_equal();
  const auto index = ItemIndex::open(path_);
  EXPECT_THROW(search(index, queries_, {.k = 0}), std::invalid_argument);
  EXPECT_THROW(build_index(path_, items_of({}, kDim), {}, 1), std::invalid_argument);
  float score = 0;
  std::int64_t id = 0;
  EXPECT_THROW(index.search({queries_.data(), 1, kDim + 1}, {.k = 1}, {&score, 1, 1}, {&id, 1, 1}),
               std::invalid_argument);
  EXPECT_THROW(index.search({queries_.data(), 1, kDim}, {.k = 2}, {&score, 1, 1}, {&id, 1, 1}), std::invalid_argument);
}

}  // namespace
}  // namespace segue::item_index
