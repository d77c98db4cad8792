// Golden values: the formula of collaborative/filter.h in plain Python.

#include <gtest/gtest.h>

#include "collaborative/neighbour_filter.h"
#include "tests/collaborative/small_world.h"

namespace segue::collaborative {
namespace {

void expect_near(const std::vector<float>& scores, const std::vector<double>& expected) {
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 1e-7 + 1e-6 * expected[i]) << i;
}

TEST(ItemKnn, Defaults) {
  expect_near(small_scores(ItemKnnOptions{}), {0.650177132, 0.471548222, 0.976633593, 0.687520574, 0.17862891, 0});
}

constexpr ItemKnnOptions kOther = {.user_exponent = 0.5, .item_exponent = 0.4, .shrink = 2};

TEST(ItemKnn, ExponentsAndShrinkage) {
  expect_near(small_scores(kOther), {0.489010625, 0.354661784, 0.792094058, 0.510164054, 0.134348841, 0});
}

TEST(ItemKnn, KeepsTheNearestOfEveryRow) {
  auto options = kOther;
  options.neighbours = 2;
  const Dataset dataset = Dataset::in_memory(small_events());
  const auto filter = fit(options, dataset, {});
  const auto& rows = *filter->neighbours();
  const std::vector<std::vector<std::pair<ItemRow, double>>> expected = {
      {{1, 0.354661784}, {2, 0.328872608}}, {{0, 0.354661784}, {2, 0.328872608}}, {{0, 0.328872608}, {1, 0.328872608}},
      {{1, 0.229129856}, {2, 0.229129856}}, {{0, 0.134348841}, {3, 0.174694662}}, {}};
  for (ItemRow item = 0; item < 6; ++item) {
    const auto row = rows.row(item);
    const auto& wanted = expected[static_cast<std::size_t>(item)];
    ASSERT_EQ(row.size(), wanted.size()) << item;
    for (std::size_t n = 0; n < row.size(); ++n) {
      EXPECT_EQ(row[n].item, wanted[n].first);
      EXPECT_NEAR(row[n].weight, wanted[n].second, 1e-7);
    }
  }
  expect_near(scores_of(*filter, kHistory), {0.489010625, 0.354661784, 0.657745217, 0.174694662, 0, 0});
}

TEST(ItemKnn, LateItemsOfTheHistoryMayCountMore) {
  auto options = kOther;
  options.neighbours = 2;
  options.history_half_life = 1.5;
  expect_near(small_scores(options), {0.225382089, 0.354661784, 0.45938579, 0.110050741, 0, 0});
}

TEST(ItemKnn, IsACosine) {
  // Items 0 and 1 are in 4 sequences each, both in 3; item 4 in 2, with 0 in one of them.
  const auto scores = small_scores(ItemKnnOptions{.user_exponent = 0, .item_exponent = 0.5}, {0});
  EXPECT_FLOAT_EQ(scores[1], 3.0F / 4.0F);
  EXPECT_FLOAT_EQ(scores[4], static_cast<float>(1 / std::sqrt(8.0)));
  EXPECT_EQ(scores[0], 0);
}

}  // namespace
}  // namespace segue::collaborative
