#include "ranking/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

namespace segue::ranking {
namespace {

TEST(MetricName, ReadsAndWrites) {
  EXPECT_EQ(MetricName::parse("ndcg@10").name, "ndcg");
  EXPECT_EQ(MetricName::parse("ndcg@10").k, 10);
  EXPECT_EQ(MetricName::parse("hit_rate@5").text(), "hit_rate@5");
  for (const char* wrong : {"ndcg", "ndcg@", "ndcg@0", "ndcg@-3", "ndcg@5x", "nddg@5", "@5", ""}) {
    EXPECT_THROW(MetricName::parse(wrong), std::invalid_argument) << wrong;
  }
}

double value(const MetricName& metric, const std::vector<std::int64_t>& ranks, std::int64_t n_targets) {
  return metric_value(metric, ranks, n_targets);
}

TEST(MetricValue, OfOneTarget) {
  EXPECT_EQ(value({"hit_rate", 3}, {3}, 1), 1);
  EXPECT_EQ(value({"hit_rate", 3}, {4}, 1), 0);
  EXPECT_EQ(value({"hit_rate", 3}, {}, 1), 0);
  EXPECT_EQ(value({"recall", 3}, {2}, 1), 1);
  EXPECT_EQ(value({"precision", 4}, {2}, 1), 0.25);
  EXPECT_EQ(value({"mrr", 20}, {5}, 1), 0.2);
  EXPECT_EQ(value({"ndcg", 10}, {1}, 1), 1);
  EXPECT_EQ(value({"ndcg", 10}, {3}, 1), 0.5);
  EXPECT_EQ(value({"ndcg", 10}, {11}, 1), 0);
  // Recorded figures rest on these very bits.
  for (std::int64_t rank = 1; rank <= 1000; ++rank)
    EXPECT_EQ(value({"ndcg", 1000}, {rank}, 1), 1.0 / std::log2(static_cast<double>(rank) + 1)) << rank;
}

// Four targets, one of them never found. In Python, with d = lambda r: 1 / math.log2(r + 1):
//   (d(1) + d(4)) / (d(1) + d(2) + d(3) + d(4)), of k = 5;  (d(1) + d(4) + d(7)) / the same, of k = 10;
//   d(1) / (d(1) + d(2)), of k = 2.
TEST(MetricValue, OfASet) {
  const std::vector<std::int64_t> ranks = {1, 4, 7};
  EXPECT_EQ(value({"hit_rate", 5}, ranks, 4), 1);
  EXPECT_EQ(value({"recall", 5}, ranks, 4), 2.0 / 4);
  EXPECT_EQ(value({"recall", 10}, ranks, 4), 3.0 / 4);
  EXPECT_EQ(value({"recall", 2}, ranks, 4), 1.0 / 2) << "a list of two cannot hold four";
  EXPECT_EQ(value({"precision", 5}, ranks, 4), 2.0 / 5);
  EXPECT_EQ(value({"precision", 10}, ranks, 4), 3.0 / 10);
  EXPECT_EQ(value({"mrr", 5}, ranks, 4), 1);
  EXPECT_NEAR(value({"ndcg", 5}, ranks, 4), 0.5585075862632192, 1e-15);
  EXPECT_NEAR(value({"ndcg", 10}, ranks, 4), 0.6886342695939197, 1e-15);
  EXPECT_NEAR(value({"ndcg", 2}, ranks, 4), 0.6131471927654584, 1e-15);
}

TEST(MetricValue, OfASetWithoutAHit) {
  for (const char* name : {"hit_rate", "recall", "precision", "mrr", "ndcg"}) {
    EXPECT_EQ(value({name, 5}, {6, 9}, 4), 0) << name;
    EXPECT_EQ(value({name, 5}, {}, 4), 0) << name;
  }
  EXPECT_EQ(value({"mrr", 5}, {5, 6}, 2), 0.2);
}

TEST(MetricValue, IsOneForAPerfectListAlone) {
  for (const std::int64_t k : {2, 3, 50}) {
    for (const char* name : {"hit_rate", "recall", "mrr", "ndcg"}) {
      EXPECT_EQ(value({name, k}, {1, 2, 3}, 3), 1) << name << "@" << k;
    }
    EXPECT_LT(value({"ndcg", k}, {1, 3, 4}, 3), 1) << k;
  }
}

TEST(MetricValue, RefusesWhatHasNoValue) {
  EXPECT_THROW(value({"coverage", 5}, {1}, 1), std::invalid_argument);
  EXPECT_THROW(value({"ndcg", 5}, {}, 0), std::invalid_argument);
}

TEST(MetricAccumulator, AveragesAndCovers) {
  MetricAccumulator sums({{"mrr", 2}, {"coverage", 1}, {"coverage", 2}}, 4);
  const ItemRow first[] = {2, 0};
  const ItemRow second[] = {2, kNoItem};
  const std::int64_t ranks[] = {2};
  Ranking ranking;
  ranking.n_targets = 1;
  ranking.items = first;
  ranking.ranks = ranks;
  ranking.tied = true;
  sums.add(ranking);
  ranking.items = second;
  ranking.ranks = {};
  ranking.tied = false;
  sums.add(ranking);
  const auto values = sums.values();
  EXPECT_DOUBLE_EQ(values.at("mrr@2"), 0.25);
  EXPECT_DOUBLE_EQ(values.at("coverage@1"), 0.25);
  EXPECT_DOUBLE_EQ(values.at("coverage@2"), 0.5);
  EXPECT_DOUBLE_EQ(sums.tied_share(), 0.5);
  EXPECT_EQ(sums.n_queries(), 2);
}

}  // namespace
}  // namespace segue::ranking
