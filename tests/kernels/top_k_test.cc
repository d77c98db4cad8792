// One body for every device: bit-equal to the scalar definition, ids and scores.

#include "kernels/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/implementations.h"
#include "tests/kernels/on_device.h"

namespace segue::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr Device kReference{Device::Kind::kReference, 1, nullptr};

std::vector<Device> devices() {
  std::vector<Device> all = {
      {Device::Kind::kCpu, 1, nullptr}, {Device::Kind::kCpu, 2, nullptr}, {Device::Kind::kCpu, 3, nullptr}};
  if (cuda_device_count() > 0) all.push_back({Device::Kind::kCuda, 1, nullptr});
  return all;
}

std::string describe(const Device& device) {
  return device.kind == Device::Kind::kCuda ? "cuda" : "cpu, " + std::to_string(device.n_threads) + " threads";
}

/// A device, and whether the items come with an int8 copy to scan.
struct Way {
  Way(const Device& of_device, bool scan_int8 = false) : device(of_device), int8(scan_int8) {}
  Device device;
  bool int8;
};

std::vector<Way> ways() {
  std::vector<Way> all;
  for (const Device& device : devices()) {
    all.emplace_back(device);
    if (device.kind == Device::Kind::kCpu) all.emplace_back(device, true);
  }
  return all;
}

std::string describe(const Way& way) { return describe(way.device) + (way.int8 ? ", int8" : ""); }

struct Case {
  std::int64_t n_queries = 1, n_items = 1, dim = 1;
  std::vector<float> queries, items, bias;
  std::vector<std::uint32_t> allowed;
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> excluded;
};

Case random_case(std::int64_t n_queries, std::int64_t n_items, std::int64_t dim, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Case made{n_queries, n_items, dim, {}, {}, {}, {}, {}, {}};
  for (std::int64_t i = 0; i < n_queries * dim; ++i) made.queries.push_back(normal(random));
  for (std::int64_t i = 0; i < n_items * dim; ++i) made.items.push_back(normal(random));
  return made;
}

void add_filters(Case& to, unsigned seed) {
  std::mt19937 random(seed);
  for (std::int64_t i = 0; i < to.n_items; ++i) to.bias.push_back(static_cast<float>(random() % 7) - 3);
  for (std::int64_t i = 0; i < (to.n_items + 31) / 32; ++i)
    to.allowed.push_back(static_cast<std::uint32_t>(random() | random()));
  to.offsets = {0};
  for (std::int64_t q = 0; q < to.n_queries; ++q) {
    for (std::uint32_t i = 0; i < random() % 5; ++i) {  // unsorted, repeated, and rows that no item has
      to.excluded.push_back(static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(to.n_items + 1)));
    }
    to.offsets.push_back(static_cast<std::int64_t>(to.excluded.size()));
  }
  to.excluded.push_back(0);  // so that data() is never null
}

struct Lists {
  std::vector<float> scores;
  std::vector<std::int32_t> rows;
  bool operator==(const Lists&) const = default;
};

Lists search(const Case& given, std::int64_t k, const Way& way) {
  const Device& device = way.device;
  const auto n = static_cast<std::size_t>(given.n_queries * k);
  OnDevice queries(device, given.queries);
  OnDevice items(device, given.items);
  OnDevice bias(device, given.bias);
  OnDevice allowed(device, given.allowed);
  OnDevice offsets(device, given.offsets);
  OnDevice excluded(device, given.excluded);
  OnDevice scores(device, std::vector<float>(n, kNan));
  OnDevice rows(device, std::vector<std::int32_t>(n, -7));
  ItemMatrix matrix{{items.data(), given.n_items, given.dim}, nullptr, nullptr};
  if (!given.bias.empty()) matrix.bias = bias.data();
  if (!given.allowed.empty()) matrix.allowed = allowed.data();
  Int8ItemArrays arrays;
  Int8Items int8;
  if (way.int8) {
    arrays = make_int8_items(matrix.vectors, matrix.bias, 2);
    int8 = arrays.view();
    matrix.int8 = &int8;
  }
  ItemLists lists;
  if (!given.offsets.empty()) lists = {offsets.data(), excluded.data()};
  // Asked directly, the int8 scan is taken also where it does not pay.
  if (way.int8 &&
      cpu::int8_top_k({queries.data(), given.n_queries, given.dim}, matrix, lists, k,
                      {scores.data(), given.n_queries, k}, {rows.data(), given.n_queries, k}, device.n_threads)) {
    return {scores.values(), rows.values()};
  }
  top_k({queries.data(), given.n_queries, given.dim}, matrix, lists, k, {scores.data(), given.n_queries, k},
        {rows.data(), given.n_queries, k}, device);
  return {scores.values(), rows.values()};
}

Lists select(const std::vector<float>& given, std::int64_t n_rows, std::int64_t k, const Device& device) {
  OnDevice scores(device, given);
  const auto n = static_cast<std::size_t>(n_rows * k);
  OnDevice best(device, std::vector<float>(n, kNan));
  OnDevice columns(device, std::vector<std::int32_t>(n, -7));
  select_top_k({scores.data(), n_rows, n_rows == 0 ? 0 : static_cast<std::int64_t>(given.size()) / n_rows}, k,
               {best.data(), n_rows, k}, {columns.data(), n_rows, k}, device);
  return {best.values(), columns.values()};
}

std::vector<float> all_scores(const Case& given, const Device& device) {
  OnDevice queries(device, given.queries);
  OnDevice items(device, given.items);
  OnDevice bias(device, given.bias);
  OnDevice scores(device, std::vector<float>(static_cast<std::size_t>(given.n_queries * given.n_items), -7));
  ItemMatrix matrix{{items.data(), given.n_items, given.dim}, given.bias.empty() ? nullptr : bias.data(), nullptr};
  score_all({queries.data(), given.n_queries, given.dim}, matrix, {scores.data(), given.n_queries, given.n_items},
            device);
  return scores.values();
}

TEST(TopK, ByHand) {
  // Scores of the query (1, 2): 1, 2, 3, 2, -1.
  const Case given{1, 5, 2, {1, 2}, {1, 0, 0, 1, 1, 1, 2, 0, -1, 0}, {}, {}, {}, {}};
  for (const Way& way : ways()) {
    const Lists found = search(given, 7, way);
    EXPECT_EQ(found.rows, (std::vector<std::int32_t>{2, 1, 3, 0, 4, kNoItemRow, kNoItemRow})) << describe(way);
    EXPECT_EQ(found.scores, (std::vector<float>{3, 2, 2, 1, -1, -kInfinity, -kInfinity})) << describe(way);
  }
}

TEST(TopK, EqualsTheDefinitionAroundBoundaries) {
  unsigned seed = 0;
  for (const std::int64_t n_items : {1, 15, 16, 17, 31, 32, 33, 255, 256, 257, 511, 512, 513, 1025}) {
    for (const std::int64_t n_queries : {1, 2, 5, 12, 13}) {
      for (const std::int64_t dim : {1, 16, 19}) {
        Case given = random_case(n_queries, n_items, dim, ++seed);
        if (seed % 2 == 0) add_filters(given, seed);
        for (const std::int64_t k : {std::int64_t{1}, std::int64_t{10}, n_items, n_items + 3}) {
          const Lists expected = search(given, k, kReference);
          for (const Way& way : ways()) {
            ASSERT_EQ(search(given, k, way), expected) << describe(way) << ", n " << n_items << " queries " << n_queries
                                                       << " dim " << dim << " k " << k << " seed " << seed;
          }
        }
      }
    }
  }
}

TEST(TopK, LongListsEqualTheDefinition) {
  const Case given = random_case(3, 5000, 4, 77);
  for (const std::int64_t k : {1023, 1024, 1025, 2500, 5000}) {
    const Lists expected = search(given, k, kReference);
    for (const Way& way : ways()) ASSERT_EQ(search(given, k, way), expected) << describe(way) << " k " << k;
  }
}

TEST(TopK, ManyQueriesCrossGroups) {
  Case given = random_case(500, 700, 8, 5);
  add_filters(given, 6);
  const Lists expected = search(given, 20, kReference);
  for (const Way& way : ways()) EXPECT_EQ(search(given, 20, way), expected) << describe(way);
}

TEST(TopK, AShorterListIsAPrefix) {
  const Case given = random_case(4, 3000, 6, 9);
  for (const Way& way : ways()) {
    const Lists longer = search(given, 1500, way);
    for (const std::int64_t k : {1, 40, 1100}) {
      const Lists shorter = search(given, k, way);
      for (std::int64_t q = 0; q < given.n_queries; ++q) {
        EXPECT_TRUE(std::equal(shorter.rows.begin() + q * k, shorter.rows.begin() + (q + 1) * k,
                               longer.rows.begin() + q * 1500))
            << describe(way) << " k " << k;
      }
    }
  }
}

TEST(TopK, BatchesDoNotShow) {
  const Case given = random_case(29, 600, 10, 12);
  for (const Way& way : ways()) {
    const Lists together = search(given, 5, way);
    for (std::int64_t q = 0; q < given.n_queries; ++q) {
      Case alone = given;
      alone.n_queries = 1;
      alone.queries.assign(given.queries.begin() + q * given.dim, given.queries.begin() + (q + 1) * given.dim);
      const Lists one = search(alone, 5, way);
      ASSERT_TRUE(std::equal(one.rows.begin(), one.rows.end(), together.rows.begin() + q * 5)) << describe(way);
      ASSERT_TRUE(std::equal(one.scores.begin(), one.scores.end(), together.scores.begin() + q * 5)) << describe(way);
    }
  }
}

TEST(TopK, TiesGoToTheLowerRow) {
  Case given{2, 2000, 1, {1, -1}, std::vector<float>(2000, 3.0F), {}, {}, {}, {}};
  for (const Way& way : ways()) {
    const Lists found = search(given, 1200, way);
    std::vector<std::int32_t> rising(1200);
    std::iota(rising.begin(), rising.end(), 0);
    EXPECT_TRUE(std::equal(rising.begin(), rising.end(), found.rows.begin())) << describe(way);
    EXPECT_TRUE(std::equal(rising.begin(), rising.end(), found.rows.begin() + 1200)) << describe(way);
  }
}

TEST(TopK, AFilterThatLeavesFewEqualsTheDefinition) {
  for (const std::int64_t n_items : {40, 257, 3000}) {
    for (const std::int64_t n_allowed : {std::int64_t{1}, n_items / 9, n_items / 8, n_items / 7}) {
      Case given = random_case(5, n_items, 6, static_cast<unsigned>(n_items + n_allowed));
      add_filters(given, 3);
      given.allowed.assign(given.allowed.size(), 0);
      for (std::int64_t i = 0; i < n_allowed; ++i) {
        const auto row = static_cast<std::size_t>(i * n_items / n_allowed);
        given.allowed[row / 32] |= 1U << (row % 32);
      }
      given.allowed.back() |= n_items % 32 == 0 ? 0 : ~0U << (n_items % 32);  // bits of no item
      for (std::size_t i = 0; i < given.items.size(); ++i) given.items[i] = std::round(given.items[i]);  // ties
      for (const std::int64_t k : {std::int64_t{1}, n_allowed, n_allowed + 2}) {
        const Lists expected = search(given, k, kReference);
        for (const Way& way : ways())
          ASSERT_EQ(search(given, k, way), expected) << describe(way) << " n " << n_items << " of " << n_allowed;
      }
    }
  }
}

TEST(TopK, NothingIsAllowed) {
  Case given = random_case(2, 40, 3, 1);
  given.allowed = {0, 0};
  for (const Way& way : ways()) {
    EXPECT_EQ(search(given, 2, way).rows, (std::vector<std::int32_t>(4, kNoItemRow))) << describe(way);
  }
}

/// Items enough that thresholds are guessed from a sample of the blocks.
constexpr std::int64_t kSampledItems = 70'000;

TEST(TopK, ALargeCatalogueEqualsTheDefinition) {
  for (const std::int64_t dim : {3, 64, 70}) {
    for (const bool filtered : {false, true}) {
      Case given = random_case(dim == 3 ? 40 : 3, kSampledItems, dim, 31);
      if (filtered) add_filters(given, 32);
      for (const std::int64_t k : {1, 100}) {
        const Lists expected = search(given, k, kReference);
        for (const Way& way : ways())
          ASSERT_EQ(search(given, k, way), expected)
              << describe(way) << " dim " << dim << " k " << k << " filtered " << filtered;
      }
    }
  }
}

TEST(TopK, AWrongGuessOfTheThresholdIsNoticed) {
  // Falling first elements fix the order of items in the int8 copy. The second, which alone the query sees, is large
  // for 30 items of one block in sixteen: from a sample that holds them the hundredth best seems far better than it is.
  Case given{1, kSampledItems, 2, {0, 1}, {}, {}, {}, {}, {}};
  for (const std::int64_t sampled_phase : {0, 8, 15}) {
    given.items.clear();
    for (std::int64_t row = 0; row < kSampledItems; ++row) {
      const bool high = row / 256 == 16 + sampled_phase && row % 256 < 30;
      given.items.push_back(2.0F - static_cast<float>(row) * 1e-5F);
      given.items.push_back(high ? 0.5F + static_cast<float>(row % 7) * 0.01F : static_cast<float>(row % 1000) * 1e-5F);
    }
    const Lists expected = search(given, 100, kReference);
    for (const Way& way : ways())
      ASSERT_EQ(search(given, 100, way), expected) << describe(way) << " phase " << sampled_phase;
  }
}

TEST(TopK, RisingOrderAndEqualItemsEqualTheDefinition) {
  Case rising = random_case(2, kSampledItems, 2, 3);
  for (std::int64_t row = 0; row < kSampledItems; ++row)
    rising.items[static_cast<std::size_t>(2 * row)] = rising.items[static_cast<std::size_t>(2 * row + 1)] =
        static_cast<float>(row);
  Case equal{2, kSampledItems, 2, {1, 2, -1, 0}, std::vector<float>(2 * kSampledItems, 0.1F), {}, {}, {}, {}};
  for (const Case& given : {rising, equal}) {
    const Lists expected = search(given, 70, kReference);
    for (const Way& way : ways()) ASSERT_EQ(search(given, 70, way), expected) << describe(way);
  }
}

TEST(TopK, OddVectorsEqualTheDefinition) {
  // Not numbers, infinities, sums that overflow or underflow, one dimension beyond all others, zeros: nothing that can
  // be bounded.
  for (const float odd : {kNan, kInfinity, -kInfinity, 3e38F, 1e20F, 1e-30F, 1e-42F, 0.0F}) {
    for (const bool biased : {false, true}) {
      Case given = random_case(14, 3000, 5, 41);
      for (std::size_t i = 0; i < given.items.size(); i += 701) given.items[i] = odd;
      if (biased) {
        add_filters(given, 42);
        for (std::size_t i = 0; i < given.bias.size(); i += 331) given.bias[i] = odd;
      }
      for (std::size_t i = 0; i < 5; ++i) given.queries[i] = odd;
      given.queries[12] = odd;
      const Lists expected = search(given, 50, kReference);
      for (const Way& way : ways()) ASSERT_EQ(search(given, 50, way), expected) << describe(way) << " odd " << odd;
    }
  }
}

TEST(Int8Items, TheBytesDoNotDependOnThreads) {
  const Case given = random_case(1, 3000, 7, 51);
  const MatrixView<const float> vectors{given.items.data(), given.n_items, given.dim};
  const Int8ItemArrays one = make_int8_items(vectors, nullptr, 1);
  const Int8ItemArrays three = make_int8_items(vectors, nullptr, 3);
  EXPECT_EQ(one.panels, three.panels);
  EXPECT_EQ(one.rows, three.rows);
  EXPECT_THROW(make_int8_items({nullptr, 0, kInt8MaxDim + 1}, nullptr, 1), std::invalid_argument);
}

TEST(SelectTopK, OddScoresByHand) {
  const std::vector<float> scores = {kNan, 0.0F, -0.0F, -kInfinity, kInfinity, -1.0F, 0.0F};
  for (const Device& device : devices()) {
    const Lists found = select(scores, 1, 7, device);
    EXPECT_EQ(found.rows, (std::vector<std::int32_t>{4, 1, 2, 6, 5, kNoItemRow, kNoItemRow})) << describe(device);
  }
}

TEST(SelectTopK, EqualsTheDefinition) {
  std::mt19937 random(3);
  for (const std::int64_t n_cols : {1, 31, 32, 33, 511, 512, 513, 4000}) {
    for (const int kind :
         {0, 1, 2, 3}) {  // few values, so ties; rising, the worst case; falling; with NaN and infinities
      std::vector<float> scores;
      for (std::int64_t i = 0; i < 3 * n_cols; ++i) {
        const auto noise = static_cast<float>(random() % 50);
        const float odd[] = {kNan, kInfinity, -kInfinity, noise};
        scores.push_back(kind == 0   ? noise
                         : kind == 1 ? static_cast<float>(i)
                         : kind == 2 ? -static_cast<float>(i)
                                     : odd[random() % 4]);
      }
      for (const std::int64_t k : {std::int64_t{1}, std::int64_t{33}, n_cols + 1}) {
        const Lists expected = select(scores, 3, k, kReference);
        for (const Device& device : devices()) {
          ASSERT_EQ(select(scores, 3, k, device), expected)
              << describe(device) << " n " << n_cols << " kind " << kind << " k " << k;
        }
      }
    }
  }
}

TEST(ScoreAll, EqualsTheDefinition) {
  unsigned seed = 100;
  for (const std::int64_t n_items : {1, 31, 32, 33, 64, 65, 200}) {
    for (const std::int64_t n_queries : {1, 3, 12, 13, 241}) {
      for (const std::int64_t dim : {1, 15, 16, 17, 33}) {
        Case given = random_case(n_queries, n_items, dim, ++seed);
        if (seed % 2 == 0) add_filters(given, seed);
        const auto expected = all_scores(given, kReference);
        for (const Device& device : devices()) {
          ASSERT_EQ(all_scores(given, device), expected) << describe(device) << ", n " << n_items << " queries "
                                                         << n_queries << " dim " << dim << " seed " << seed;
        }
      }
    }
  }
}

TEST(ScoreAll, NanAndInfinityStayWhereTheyAre) {
  Case given = random_case(2, 70, 4, 8);
  given.items[0] = kNan;
  given.items[4] = kInfinity;
  for (const Device& device : devices()) {
    const auto scores = all_scores(given, device);
    EXPECT_TRUE(std::isnan(scores[0])) << describe(device);
    EXPECT_TRUE(std::isinf(scores[1])) << describe(device);
    for (std::size_t i = 2; i < 70; ++i) EXPECT_TRUE(std::isfinite(scores[i])) << describe(device);
  }
}

TEST(DefinedScore, SumsInRisingOrderFromTheBias) {
  // In float, (1e8 + 1) - 1e8 is 0 while (1e8 - 1e8) + 1 is 1: the order is part of the definition.
  const float query[] = {1.0F, 1.0F};
  const float forth[] = {1.0F, -1e8F};
  const float back[] = {-1e8F, 1.0F};
  EXPECT_EQ(defined_score(query, forth, 2, 1e8F), 0.0F);
  EXPECT_EQ(defined_score(query, back, 2, 1e8F), 1.0F);
  // One rounding a step: 0.1f * 0.1f - (that product rounded) is the rounding error, not 0.
  const float tenth[] = {0.1F};
  EXPECT_EQ(defined_score(tenth, tenth, 1, -(0.1F * 0.1F)), std::fma(0.1F, 0.1F, -(0.1F * 0.1F)));
  EXPECT_NE(defined_score(tenth, tenth, 1, -(0.1F * 0.1F)), 0.0F);
}

TEST(TopK, WrongUse) {
  std::vector<float> values(12);
  std::vector<std::int32_t> rows(12);
  const MatrixView<const float> queries{values.data(), 2, 3};
  const ItemMatrix items{{values.data(), 4, 3}, nullptr, nullptr};
  const ItemMatrix narrow{{values.data(), 4, 2}, nullptr, nullptr};
  const Device cpu{Device::Kind::kCpu, 1, nullptr};
  EXPECT_THROW(top_k(queries, items, {}, 0, {values.data(), 2, 0}, {rows.data(), 2, 0}, cpu), std::invalid_argument);
  EXPECT_THROW(top_k(queries, narrow, {}, 2, {values.data(), 2, 2}, {rows.data(), 2, 2}, cpu), std::invalid_argument);
  EXPECT_THROW(top_k(queries, items, {}, 2, {values.data(), 2, 3}, {rows.data(), 2, 2}, cpu), std::invalid_argument);
  EXPECT_THROW(top_k(queries, items, {}, 2, {values.data(), 2, 2}, {rows.data(), 1, 2}, cpu), std::invalid_argument);
  EXPECT_THROW(
      top_k(queries, items, {}, 2, {values.data(), 2, 2}, {rows.data(), 2, 2}, {Device::Kind::kCpu, 0, nullptr}),
      std::invalid_argument);
  const Int8ItemArrays arrays = make_int8_items(narrow.vectors, nullptr, 1);
  const Int8Items of_narrow = arrays.view();
  ItemMatrix mistaken = items;
  mistaken.int8 = &of_narrow;
  EXPECT_THROW(top_k(queries, mistaken, {}, 2, {values.data(), 2, 2}, {rows.data(), 2, 2}, cpu), std::invalid_argument);
  ItemMatrix biased = narrow;
  biased.bias = values.data();
  biased.int8 = &of_narrow;
  EXPECT_THROW(top_k({values.data(), 2, 2}, biased, {}, 2, {values.data(), 2, 2}, {rows.data(), 2, 2}, cpu),
               std::invalid_argument);
  EXPECT_THROW(score_all(queries, items, {values.data(), 2, 3}, cpu), std::invalid_argument);
  EXPECT_THROW(select_top_k({nullptr, 2, 3}, 1, {values.data(), 2, 1}, {rows.data(), 2, 1}, cpu),
               std::invalid_argument);
}

TEST(TopK, ADeviceThatIsNotThereIsNamed) {
  if (cuda_device_count() > 0) GTEST_SKIP() << "a CUDA device is there";
  std::vector<float> values(4);
  std::vector<std::int32_t> rows(1);
  EXPECT_THROW(top_k({values.data(), 1, 2}, {{values.data(), 2, 2}, nullptr, nullptr}, {}, 1, {values.data(), 1, 1},
                     {rows.data(), 1, 1}, {Device::Kind::kCuda, 1, nullptr}),
               DeviceFailure);
}

}  // namespace
}  // namespace segue::kernels
