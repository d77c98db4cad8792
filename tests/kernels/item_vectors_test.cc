// Searches among items of every dtype, dense and strided: bit-equal to the scalar definition.

#include "kernels/item_vectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/implementations.h"
#include "tests/kernels/search_case.h"

namespace segue::kernels {
namespace {

constexpr Device kCpu{Device::Kind::kCpu, 1, nullptr};

Lists search(const Case& given, std::int64_t k, const Device& device, bool by_int8_copy = false) {
  std::vector<float> scores(static_cast<std::size_t>(given.n_queries * k), kNan);
  std::vector<std::int32_t> rows(scores.size(), -7);
  const MatrixView<const float> queries{given.queries.data(), given.n_queries, given.dim};
  const MatrixView<float> best{scores.data(), given.n_queries, k};
  const MatrixView<std::int32_t> best_rows{rows.data(), given.n_queries, k};
  ItemMatrix items = given.items();
  Int8ItemArrays arrays;
  Int8Items int8;
  if (by_int8_copy) {
    arrays = make_int8_items(items.vectors, items.bias, 2);
    int8 = arrays.view();
    items.int8 = &int8;
    // Asked directly, the int8 scan is taken also where it does not pay.
    if (cpu::int8_top_k(queries, items, given.lists(), k, best, best_rows, device.n_threads))
      return {bits_of(scores), rows};
  }
  top_k(queries, items, given.lists(), k, best, best_rows, device);
  return {bits_of(scores), rows};
}

std::vector<float> all_scores(const Case& given, const Device& device) {
  std::vector<float> scores(static_cast<std::size_t>(given.n_queries * given.n_items), -7);
  score_all({given.queries.data(), given.n_queries, given.dim}, given.items(),
            {scores.data(), given.n_queries, given.n_items}, device);
  return scores;
}

/// Every way to search on the CPU gives what the definition gives.
void expect_the_definition(const Case& given, std::int64_t k, const std::string& what) {
  const Lists expected = search(given, k, kReference);
  const std::string of = what + " " + name_of(given.dtype) + " queries " + std::to_string(given.n_queries) + " items " +
                         std::to_string(given.n_items) + " dim " + std::to_string(given.dim) + " stride " +
                         std::to_string(given.stride) + " k " + std::to_string(k);
  for (const int n_threads : {1, 3}) {
    const Device device{Device::Kind::kCpu, n_threads, nullptr};
    ASSERT_EQ(search(given, k, device), expected) << of << " threads " << n_threads;
    if (given.dtype != DType::kInt8) {
      ASSERT_EQ(search(given, k, device, true), expected) << of << " by int8 copy, threads " << n_threads;
    }
  }
  ASSERT_EQ(bits_of(all_scores(given, kCpu)), bits_of(all_scores(given, kReference))) << of << " score_all";
}

TEST(ItemVectors, ByHand) {
  // Every number here is held exactly by all four dtypes: rows and query have the scale 1 in int8. Scores: 16129 + 6,
  // -16129 + 2, 3 * 127, 127 * 127 + 2, and -2.
  const std::vector<float> query = {127, 2};
  const std::vector<float> items = {127, 3, -127, 1, 3, 127, 127, 1, 0, -1};
  for (const DType dtype : kDTypes) {
    Case given = make_case(query, items, 2, dtype, 1);
    if (dtype == DType::kInt8) {
      EXPECT_EQ(given.scales[0], 1.0F);
      given.scales = {1, 1, 1, 1, 1.0F / 127};  // the last row's level is -127
    }
    for (const Device& device : {kReference, kCpu}) {
      const Lists found = search(given, 6, device);
      EXPECT_EQ(found.rows, (std::vector<std::int32_t>{0, 3, 2, 4, 1, kNoItemRow})) << name_of(dtype);
      EXPECT_EQ(found.score_bits, bits_of({16135, 16131, 635, -2, -16127, -kInfinity})) << name_of(dtype);
      EXPECT_EQ(all_scores(given, device), (std::vector<float>{16135, -16127, 635, 16131, -2})) << name_of(dtype);
    }
  }
}

TEST(ItemVectors, Int8ScoresByHand) {
  // Query levels 127, 64 (a half, to even), -62 (likewise), and the scale 2; items of the scales 0.5 and 0.25.
  Case given = make_case({254, 127, -125}, {0, 0, 0, 0, 0, 0}, 3, DType::kInt8);
  const std::int8_t levels[] = {1, -2, 3, -128, 127, 0};
  std::memcpy(given.elements.data(), levels, sizeof levels);
  given.scales = {0.5F, 0.25F};
  given.bias = {10, -1};
  for (const Device& device : {kReference, kCpu}) {
    EXPECT_EQ(all_scores(given, device),
              (std::vector<float>{127 - 128 - 186 + 10, (-128 * 127 + 127 * 64) * 0.5F - 1}));
  }
}

TEST(ItemVectors, EqualTheDefinitionAroundBoundaries) {
  std::mt19937 random(80);
  for (const DType dtype : kDTypes) {
    for (const std::int64_t n_items : {1, 15, 16, 17, 31, 32, 33, 255, 257, 511, 513}) {
      for (const std::int64_t dim : {1, 3, 4, 5, 8, 15, 16, 17, 63, 64, 65}) {
        Case given = random_case(std::array{1, 2, 7, 13}[random() % 4], n_items, dim, dtype,
                                 std::array{0, 1, 3, 60}[random() % 4], random);
        if (random() % 2 == 0) add_filters(given, random);
        expect_the_definition(given, std::array{1, 10, 300}[random() % 3], "boundaries");
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(ItemVectors, ThousandsOfSmallCasesEqualTheDefinition) {
  std::mt19937 random(81);
  const auto up_to = [&](unsigned n) { return static_cast<std::int64_t>(random() % n + 1); };
  for (int i = 0; i < 4000; ++i) {
    const DType dtype = kDTypes[static_cast<std::size_t>(i) % kDTypes.size()];
    Case given = random_case(up_to(14), up_to(70), up_to(20), dtype, static_cast<std::int64_t>(random() % 3), random);
    if (random() % 2 == 0) add_filters(given, random);
    if (random() % 3 == 0) add_odd_values(given, random);
    expect_the_definition(given, up_to(25), "case " + std::to_string(i));
    if (HasFatalFailure()) return;
  }
}

TEST(ItemVectors, ALargeCatalogueEqualsTheDefinition) {
  std::mt19937 random(82);  // items enough that the int8 copy guesses thresholds from a sample
  for (const DType dtype : kDTypes) {
    Case given = random_case(3, 70'000, 6, dtype, 2, random);
    add_filters(given, random);
    expect_the_definition(given, 50, "large");
    if (HasFatalFailure()) return;
  }
}

TEST(ItemVectors, GroupsOfQueriesEqualTheDefinition) {
  std::mt19937 random(83);
  for (const DType dtype : kDTypes) {
    expect_the_definition(random_case(300, 40, 5, dtype, 0, random), 4, "groups");
    if (HasFatalFailure()) return;
  }
}

TEST(ItemVectors, LongInt8SumsAreExact) {
  // At the ends of the range sums pass 2^24, beyond which float32 leaves integers out.
  std::mt19937 random(84);
  for (const std::int64_t dim : {1023, 1024, 1025, 2050, 16384}) {
    Case given = random_case(3, 40, dim, DType::kInt8, 0, random);
    for (std::int64_t i = 0; i < given.n_items * dim; ++i) {
      const std::int64_t row = i / dim;
      const int level = row == 0 ? -128 : row == 1 ? 127 : static_cast<int>(random() % 256) - 128;
      given.elements[static_cast<std::size_t>(i)] = static_cast<std::byte>(level);
    }
    std::fill_n(given.queries.begin(), dim, 1.0F);
    expect_the_definition(given, 40, "long sums");
    if (HasFatalFailure()) return;
    EXPECT_EQ(all_scores(given, kCpu)[1], static_cast<float>(127 * 127 * dim) * ((1.0F / 127) * given.scales[1]));
  }
}

TEST(ItemVectors, NanIsNeverSelected) {
  for (const DType dtype : kDTypes) {
    const std::vector<float> items = {1, 2, kNan, 9, 3, 4, 5, kNan};
    const Case given = make_case({1, 1, 0, 1}, items, 2, dtype);
    for (const Device& device : {kReference, kCpu}) {
      const Lists found = search(given, 4, device);
      EXPECT_EQ(found.rows, (std::vector<std::int32_t>{2, 0, kNoItemRow, kNoItemRow, 2, 0, kNoItemRow, kNoItemRow}))
          << name_of(dtype);  // also where the query is 0 at the NaN
      const auto scores = all_scores(given, device);
      EXPECT_TRUE(std::isnan(scores[1]) && std::isnan(scores[3])) << name_of(dtype);
    }
  }
}

TEST(ItemVectors, Int8ItemsFindNothingForAQueryThatIsNotFinite) {
  for (const float odd : {kNan, kInfinity, -kInfinity}) {
    // The second query is zeros, which score the bias; the third can be quantised.
    Case given = make_case({odd, 1, 0, 0, 1, 0}, {1, 2, 0, 0, -3, 4}, 2, DType::kInt8);
    given.bias = {5, 6.5F, 7};
    for (const Device& device : {kReference, kCpu}) {
      const auto rows = search(given, 3, device).rows;
      EXPECT_EQ(rows, (std::vector<std::int32_t>{kNoItemRow, kNoItemRow, kNoItemRow, 2, 1, 0, 1, 0, 2})) << odd;
    }
  }
}

TEST(ItemVectors, WithoutDimensionsItemsScoreTheirBias) {
  const float bias[] = {1, 3, 2};
  const float scales[] = {1, 1, 1};
  for (const DType dtype : kDTypes) {
    const ItemMatrix items{{nullptr, dtype, 3, 0, 0, dtype == DType::kInt8 ? scales : nullptr}, bias, nullptr};
    for (const Device& device : {kReference, kCpu}) {
      std::vector<float> scores(3);
      std::vector<std::int32_t> rows(3);
      top_k({nullptr, 1, 0}, items, {}, 3, {scores.data(), 1, 3}, {rows.data(), 1, 3}, device);
      EXPECT_EQ(rows, (std::vector<std::int32_t>{1, 2, 0})) << name_of(dtype);
      EXPECT_EQ(scores, (std::vector<float>{3, 2, 1})) << name_of(dtype);
    }
  }
}

TEST(ItemVectors, ConversionGivesDenseRows) {
  const std::vector<float> rows = {1, -2, 0.1F, 254, 0, 127};
  const MatrixView<const float> view{rows.data(), 2, 3};
  for (const int n_threads : {1, 2}) {
    const ItemVectorArrays bf16 = convert_rows(view, DType::kBFloat16, n_threads);
    FloatRows brain(bf16.view());
    EXPECT_EQ(std::vector<float>(brain.row(0), brain.row(0) + 3), (std::vector<float>{1, -2, 0.10009765625F}));
    const ItemVectorArrays fp16 = convert_rows(view, DType::kFloat16, n_threads);
    FloatRows ieee(fp16.view());
    EXPECT_EQ(std::vector<float>(ieee.row(0), ieee.row(0) + 3), (std::vector<float>{1, -2, 0.0999755859375F}));
    const ItemVectorArrays int8 = convert_rows(view, DType::kInt8, n_threads);
    EXPECT_EQ(int8.scales, (std::vector<float>{2.0F / 127, 2}));
    FloatRows levels(int8.view());
    EXPECT_EQ(std::vector<float>(levels.row(1), levels.row(1) + 3), (std::vector<float>{254, 0, 128}));  // 63.5: to 64
    const ItemVectorArrays same = convert_rows(view, DType::kFloat32, n_threads);
    FloatRows plain(same.view());
    EXPECT_EQ(std::vector<float>(plain.row(1), plain.row(1) + 3), (std::vector<float>{254, 0, 127}));
  }
  const std::vector<float> wide(static_cast<std::size_t>(kMaxInt8VectorDim + 1));
  EXPECT_THROW(convert_rows({wide.data(), 1, kMaxInt8VectorDim + 1}, DType::kInt8, 1), std::invalid_argument);
  EXPECT_NO_THROW(convert_rows({wide.data(), 1, kMaxInt8VectorDim + 1}, DType::kFloat16, 1));
}

TEST(ItemVectors, WrongUse) {
  std::vector<float> values(64);
  std::vector<std::int32_t> rows(64);
  const std::vector<float> scales(4);
  const auto refused = [&](const ItemVectors& vectors, const std::string& part) {
    const MatrixView<const float> queries{values.data(), 1, vectors.n_cols};
    for (const Device& device : {kReference, kCpu, Device{Device::Kind::kCuda, 1, nullptr}}) {
      try {
        top_k(queries, {vectors}, {}, 2, {values.data(), 1, 2}, {rows.data(), 1, 2}, device);
        FAIL() << part;
      } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
        EXPECT_EQ(std::string(error.what()).find("top_k: "), 0U) << error.what();
      }
      EXPECT_THROW(score_all(queries, {vectors}, {values.data(), 1, vectors.n_rows}, device), std::invalid_argument);
    }
  };
  for (const DType dtype : kDTypes) {
    const float* of_rows = dtype == DType::kInt8 ? scales.data() : nullptr;
    refused({values.data(), dtype, 4, 3, 2, of_rows}, "row stride of 2");
    refused({values.data(), dtype, 4, 3, -3, of_rows}, "row stride of -3");
    refused({values.data(), dtype, -1, 3, 0, of_rows}, "[-1, 3]");
    refused({nullptr, dtype, 4, 3, 0, of_rows}, "no data");
  }
  refused({values.data(), DType::kInt8, 4, 3}, "no scales");
  refused({values.data(), DType::kFloat16, 4, 3, 0, scales.data()}, "belong to int8");
  refused({values.data(), DType::kInt8, 1, kMaxInt8VectorDim + 1, 0, scales.data()}, "16385 dimensions");
  refused({values.data(), static_cast<DType>(4), 4, 3}, "no known dtype");

  const ItemVectors int8{values.data(), DType::kInt8, 4, 3, 0, scales.data()};
  EXPECT_THROW(make_int8_items(int8, nullptr, 1), std::invalid_argument);
  EXPECT_THROW(make_int8_items({values.data(), DType::kFloat16, 4, 3, 2}, nullptr, 1), std::invalid_argument);
  const Int8ItemArrays arrays = make_int8_items({values.data(), 4, 3}, nullptr, 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arrays.panels.data()) % 64, 0U) << "loads would cross cache lines";
  const Int8Items copy = arrays.view();
  ItemMatrix items{int8};
  items.int8 = &copy;
  EXPECT_THROW(top_k({values.data(), 1, 3}, items, {}, 2, {values.data(), 1, 2}, {rows.data(), 1, 2}, kCpu),
               std::invalid_argument);
  for (const std::int64_t k : {0, -1}) {
    EXPECT_THROW(top_k({values.data(), 1, 3}, {int8}, {}, k, {values.data(), 1, k}, {rows.data(), 1, k}, kCpu),
                 std::invalid_argument);
  }
}

}  // namespace
}  // namespace segue::kernels
