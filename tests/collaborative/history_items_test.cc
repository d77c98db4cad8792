#include "collaborative/history_items.h"

#include <gtest/gtest.h>

namespace segue::collaborative {
namespace {

TEST(HistoryItems, DistinctAndKnown) {
  const std::vector<ItemRow> history = {4, 9, 0, -1, 4, 2};
  EXPECT_EQ(distinct_items(history, 9), (std::vector<ItemRow>{0, 2, 4}));
  EXPECT_TRUE(distinct_items({}, 9).empty());
}

TEST(HistoryItems, WeighAlikeWithoutHalfLife) {
  const std::vector<ItemRow> history = {4, 0, 4};
  EXPECT_EQ(weighted_items(history, 9, 0), (std::vector<WeightedItem>{{0, 1}, {4, 1}}));
}

TEST(HistoryItems, WeighByTheirLatestOccurrence) {
  // Events back: 2 -> 0, 4 -> 1, the unknown 9 -> 2, 0 -> 3; the first 4 counts no more.
  const std::vector<ItemRow> history = {4, 0, 9, 4, 2};
  EXPECT_EQ(weighted_items(history, 9, 1), (std::vector<WeightedItem>{{0, 0.125F}, {2, 1}, {4, 0.5F}}));
}

TEST(HistoryItems, AWeightMayUnderflow) {
  std::vector<ItemRow> history(2000, 1);
  history.front() = 0;
  EXPECT_EQ(weighted_items(history, 2, 1), (std::vector<WeightedItem>{{0, 0}, {1, 1}}));
}

}  // namespace
}  // namespace segue::collaborative
