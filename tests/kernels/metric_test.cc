#include "kernels/metric.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/top_k.h"

namespace segue::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr Device kCpu{Device::Kind::kCpu, 2, nullptr};

struct Found {
  std::vector<float> values;
  std::vector<std::int32_t> rows;
};

/// A search by the recipe of the header.
Found search(Metric metric, std::vector<float> queries, std::vector<float> items, std::int64_t dim, DType dtype,
             std::int64_t k) {
  const std::int64_t n_queries = static_cast<std::int64_t>(queries.size()) / dim;
  const std::int64_t n_items = static_cast<std::int64_t>(items.size()) / dim;
  prepare_rows(metric, {items.data(), n_items, dim});
  prepare_rows(metric, {queries.data(), n_queries, dim});
  const ItemVectorArrays stored = convert_rows({items.data(), n_items, dim}, dtype, 1);
  const std::vector<float> bias = metric_bias(metric, stored.view(), 2);
  Found found{std::vector<float>(static_cast<std::size_t>(n_queries * k)),
              std::vector<std::int32_t>(static_cast<std::size_t>(n_queries * k))};
  const MatrixView<float> values{found.values.data(), n_queries, k};
  const MatrixView<const float> prepared{queries.data(), n_queries, dim};
  top_k(prepared, {stored.view(), bias.empty() ? nullptr : bias.data()}, {}, k, values,
        {found.rows.data(), n_queries, k}, kCpu);
  finish_scores(metric, prepared, values);
  return found;
}

double inner(const float* a, const float* b, std::int64_t dim) {
  double sum = 0;
  for (std::int64_t i = 0; i < dim; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// Squared distance, or cosine, of a pair in double.
double exact(Metric metric, const float* query, const float* item, std::int64_t dim) {
  if (metric == Metric::kInnerProduct) return inner(query, item, dim);
  if (metric == Metric::kCosine)
    return inner(query, item, dim) / std::sqrt(inner(query, query, dim) * inner(item, item, dim));
  double sum = 0;
  for (std::int64_t i = 0; i < dim; ++i)
    sum += (static_cast<double>(query[i]) - item[i]) * (static_cast<double>(query[i]) - item[i]);
  return sum;
}

TEST(Metric, EqualsBruteForceInDouble) {
  std::mt19937 random(90);
  std::normal_distribution<float> normal;
  constexpr std::int64_t kDim = 24;
  constexpr std::int64_t kItems = 700;
  constexpr std::int64_t kK = 20;
  std::vector<float> queries(5 * kDim);
  std::vector<float> items(kItems * kDim);
  for (auto* values : {&queries, &items}) {
    for (float& value : *values) value = normal(random);
  }
  for (const Metric metric : {Metric::kInnerProduct, Metric::kL2, Metric::kCosine}) {
    const Found found = search(metric, queries, items, kDim, DType::kFloat32, kK);
    for (std::int64_t q = 0; q < 5; ++q) {
      std::vector<double> all(kItems);
      for (std::int64_t i = 0; i < kItems; ++i)
        all[static_cast<std::size_t>(i)] = exact(metric, &queries[static_cast<std::size_t>(q * kDim)],
                                                 &items[static_cast<std::size_t>(i * kDim)], kDim);
      std::vector<std::int32_t> order(kItems);
      std::iota(order.begin(), order.end(), 0);
      const double sign = metric == Metric::kL2 ? 1 : -1;
      std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return sign * all[static_cast<std::size_t>(a)] < sign * all[static_cast<std::size_t>(b)];
      });
      // Neighbours in these lists lie further apart than float32 rounds off: the lists are equal.
      EXPECT_TRUE(std::equal(order.begin(), order.begin() + kK, found.rows.begin() + q * kK))
          << static_cast<int>(metric) << " query " << q;
      for (std::int64_t i = 0; i < kK; ++i) {
        const auto at = static_cast<std::size_t>(q * kK + i);
        EXPECT_NEAR(found.values[at], all[static_cast<std::size_t>(found.rows[at])], 2e-5);
      }
    }
  }
}

TEST(Metric, IntegerDistancesAreExact) {
  std::mt19937 random(91);
  constexpr std::int64_t kDim = 9;
  std::vector<float> queries(4 * kDim);
  std::vector<float> items(300 * kDim);
  for (auto* values : {&queries, &items}) {
    for (float& value : *values) value = static_cast<float>(random() % 15) - 7;
  }
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
    const Found found = search(Metric::kL2, queries, items, kDim, dtype, 300);
    for (std::size_t at = 0; at < found.rows.size(); ++at) {
      const auto query = at / 300 * static_cast<std::size_t>(kDim);
      const auto item = static_cast<std::size_t>(found.rows[at]) * static_cast<std::size_t>(kDim);
      ASSERT_EQ(found.values[at], exact(Metric::kL2, &queries[query], &items[item], kDim));
      if (at % 300 == 0) continue;
      ASSERT_TRUE(found.values[at - 1] < found.values[at] ||
                  (found.values[at - 1] == found.values[at] && found.rows[at - 1] < found.rows[at]));
    }
  }
}

TEST(Metric, ByHand) {
  // From (3, 4): distances 5 of the origin, 0, 2 of (3, 2), 10 of (-3, -4). Cosines: none of a row of zeros.
  const std::vector<float> items = {0, 0, 3, 4, 3, 2, -3, -4};
  const Found near = search(Metric::kL2, {3, 4}, items, 2, DType::kFloat32, 5);
  EXPECT_EQ(near.rows, (std::vector<std::int32_t>{1, 2, 0, 3, kNoItemRow}));
  EXPECT_EQ(near.values, (std::vector<float>{0, 4, 25, 100, kInfinity}));
  const Found alike = search(Metric::kCosine, {6, 8}, items, 2, DType::kFloat32, 4);
  EXPECT_EQ(alike.rows, (std::vector<std::int32_t>{1, 2, 0, 3}));
  EXPECT_FLOAT_EQ(alike.values[0], 1.0F);
  EXPECT_FLOAT_EQ(alike.values[1], 17.0F / (5.0F * std::sqrt(13.0F)));
  EXPECT_EQ(alike.values[2], 0.0F);
  EXPECT_FLOAT_EQ(alike.values[3], -1.0F);
}

TEST(Metric, Int8DistancesAreCloseToThoseOfTheVectors) {
  // A step of a level is at most 1/127 of the largest element on each side.
  const std::vector<float> items = {1, 0.5F, -2, 2, 1, 1};
  const Found found = search(Metric::kL2, {1, 0.25F}, items, 2, DType::kInt8, 3);
  EXPECT_EQ(found.rows, (std::vector<std::int32_t>{0, 2, 1}));
  EXPECT_NEAR(found.values[0], 0.0625, 0.02);
  EXPECT_NEAR(found.values[2], 9 + 1.75 * 1.75, 0.1);
}

TEST(Metric, NormsAreTakenInDouble) {
  // In float32 these squares overflow or vanish.
  for (const float size : {1e30F, 1e-30F, 0x1p-149F}) {
    std::vector<float> rows = {3 * size, -4 * size, 0, 0};
    EXPECT_GT(squared_norm(rows.data(), 2), 0);
    prepare_rows(Metric::kCosine, {rows.data(), 2, 2});
    EXPECT_EQ(rows, (std::vector<float>{0.6F, -0.8F, 0, 0})) << size;
  }
  // 2^24 + 1 is no float32, nor is a sum that leaves the 1 out: rounded once, the sum gives 2^24 + 2.
  const std::vector<float> row = {4096, 1, 1, 0};
  EXPECT_EQ(metric_bias(Metric::kL2, {row.data(), 1, 4}, 1), (std::vector<float>{-(8388608.0F + 1)}));
}

TEST(Metric, RowsThatAreNotFiniteAreNeverFound) {
  for (const float odd : {kNan, kInfinity, -kInfinity}) {
    for (const Metric metric : {Metric::kL2, Metric::kCosine}) {
      const Found found = search(metric, {1, 1}, {odd, 1, 2, 2, 1, odd}, 2, DType::kFloat32, 3);
      EXPECT_EQ(found.rows, (std::vector<std::int32_t>{1, kNoItemRow, kNoItemRow})) << odd;
    }
  }
  const std::vector<float> huge = {3e38F, 3e38F, 1, 1};
  EXPECT_EQ(metric_bias(Metric::kL2, {huge.data(), 2, 2}, 1), (std::vector<float>{-kInfinity, -1}));
}

TEST(Metric, DistancesAreNeverNegative) {
  EXPECT_EQ(squared_distance(4.0, 2.5F), 0.0F);
  EXPECT_EQ(squared_distance(4.0, 1.5F), 1.0F);
  EXPECT_EQ(squared_distance(4.0, -kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(squared_distance(4.0, kNan)));
}

TEST(Metric, WrongUse) {
  std::vector<float> values(8);
  EXPECT_THROW(finish_scores(Metric::kL2, {values.data(), 2, 2}, {values.data(), 1, 2}), std::invalid_argument);
  EXPECT_THROW(metric_bias(Metric::kL2, {values.data(), DType::kInt8, 2, 2}, 1), std::invalid_argument);
  EXPECT_TRUE(metric_bias(Metric::kInnerProduct, {values.data(), 2, 2}, 1).empty());
}

}  // namespace
}  // namespace segue::kernels
