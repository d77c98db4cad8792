#include "ranking/metrics.h"

#include <gtest/gtest.h>

#include <stdexcept>

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

TEST(MetricValue, ByHand) {
  EXPECT_DOUBLE_EQ(metric_value({"hit_rate", 3}, 3), 1);
  EXPECT_DOUBLE_EQ(metric_value({"hit_rate", 3}, 4), 0);
  EXPECT_DOUBLE_EQ(metric_value({"hit_rate", 3}, 0), 0);
  EXPECT_DOUBLE_EQ(metric_value({"recall", 3}, 2), 1);
  EXPECT_DOUBLE_EQ(metric_value({"precision", 4}, 2), 0.25);
  EXPECT_DOUBLE_EQ(metric_value({"mrr", 20}, 5), 0.2);
  EXPECT_DOUBLE_EQ(metric_value({"ndcg", 10}, 1), 1);
  EXPECT_DOUBLE_EQ(metric_value({"ndcg", 10}, 3), 0.5);
  EXPECT_DOUBLE_EQ(metric_value({"ndcg", 10}, 11), 0);
}

TEST(MetricAccumulator, AveragesAndCovers) {
  MetricAccumulator sums({{"mrr", 2}, {"coverage", 1}, {"coverage", 2}}, 4);
  const ItemRow first[] = {2, 0};
  const ItemRow second[] = {2, kNoItem};
  Ranking ranking;
  ranking.items = first;
  ranking.rank = 2;
  ranking.tied = true;
  sums.add(ranking);
  ranking.items = second;
  ranking.rank = 0;
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
