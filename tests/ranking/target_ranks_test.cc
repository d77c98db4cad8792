#include "ranking/target_ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/random.h"

namespace segue::ranking {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Ranks = std::vector<std::int64_t>;

TargetRanks ranks_of(const std::vector<float>& scores, const std::vector<std::size_t>& places,
                     bool tie_ordered = false) {
  TargetRanks found;
  found.ranks = {99};  // of the query before
  found.tied = true;
  rank_targets(scores, places, tie_ordered, found);
  return found;
}

TEST(TargetRanks, WithoutTies) {
  const std::vector<float> scores = {3, 9, 1, 7, 5};  // ranks 4 1 5 2 3
  EXPECT_EQ(ranks_of(scores, {0, 1, 3}).ranks, (Ranks{1, 2, 4}));
  EXPECT_EQ(ranks_of(scores, {2, 4}).ranks, (Ranks{3, 5}));
  EXPECT_EQ(ranks_of(scores, {4}).ranks, (Ranks{3}));
  EXPECT_EQ(ranks_of(scores, {0, 1, 2, 3, 4}).ranks, (Ranks{1, 2, 3, 4, 5}));
  EXPECT_FALSE(ranks_of(scores, {0, 1, 3}).tied);
}

// Places 1, 3 and 5 share a score, above 0 and 4 and below 2.
TEST(TargetRanks, ATieCountsAgainstTargetsUnlessItIsOrdered) {
  const std::vector<float> scores = {1, 5, 8, 5, 1, 5};
  EXPECT_EQ(ranks_of(scores, {1}).ranks, (Ranks{4}));
  EXPECT_EQ(ranks_of(scores, {1}, true).ranks, (Ranks{2}));
  EXPECT_EQ(ranks_of(scores, {1, 3}).ranks, (Ranks{3, 4})) << "5 goes before both";
  EXPECT_EQ(ranks_of(scores, {1, 3}, true).ranks, (Ranks{2, 3}));
  EXPECT_EQ(ranks_of(scores, {1, 5}, true).ranks, (Ranks{2, 4}));
  EXPECT_EQ(ranks_of(scores, {0, 5}).ranks, (Ranks{4, 6}));
  EXPECT_EQ(ranks_of(scores, {0, 5}, true).ranks, (Ranks{4, 5}));
}

TEST(TargetRanks, TargetsAreTiedWithOthersNotAmongThemselves) {
  const std::vector<float> scores = {1, 5, 8, 5, 2};
  EXPECT_FALSE(ranks_of(scores, {1, 3}).tied);
  EXPECT_EQ(ranks_of(scores, {1, 3}).ranks, (Ranks{2, 3}));
  EXPECT_TRUE(ranks_of(scores, {1, 2}).tied);
  EXPECT_TRUE(ranks_of(scores, {1}).tied);
  EXPECT_FALSE(ranks_of(scores, {2, 4}).tied) << "a tie above or below them is not theirs";
}

TEST(TargetRanks, NanAndHiddenItemsTakeNoRank) {
  const std::vector<float> scores = {kNan, 2, -kInfinity, 3, kInfinity, kNan, -kInfinity};
  EXPECT_EQ(ranks_of(scores, {0, 1, 2}).ranks, (Ranks{3}));
  EXPECT_EQ(ranks_of(scores, {1, 3, 4}).ranks, (Ranks{1, 2, 3}));
  EXPECT_TRUE(ranks_of(scores, {0, 2}).ranks.empty());
  EXPECT_FALSE(ranks_of(scores, {0, 2}).tied);
  EXPECT_TRUE(ranks_of(scores, {5}).ranks.empty());
  EXPECT_TRUE(ranks_of(scores, {2}).ranks.empty());
  EXPECT_TRUE(ranks_of(scores, {}).ranks.empty());
}

TEST(TargetRanks, ZerosOfBothSignsAreEqual) {
  EXPECT_EQ(ranks_of({0.0F, -0.0F, 0.0F}, {0, 1}).ranks, (Ranks{2, 3}));
  EXPECT_EQ(ranks_of({0.0F, -0.0F, 0.0F}, {1}).ranks, (Ranks{3}));
}

/// The definition: candidates sorted, a target behind the others of its score or, where ties are ordered, by place.
Ranks by_sorting(const std::vector<float>& scores, const std::vector<std::size_t>& places, bool tie_ordered) {
  const auto is_target = [&](std::size_t place) { return std::count(places.begin(), places.end(), place) > 0; };
  std::vector<std::size_t> order;
  for (std::size_t place = 0; place < scores.size(); ++place)
    if (!std::isnan(scores[place]) && scores[place] != -kInfinity) order.push_back(place);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (scores[a] != scores[b]) return scores[a] > scores[b];
    return !tie_ordered && !is_target(a) && is_target(b);
  });
  Ranks ranks;
  for (std::size_t i = 0; i < order.size(); ++i)
    if (is_target(order[i])) ranks.push_back(static_cast<std::int64_t>(i + 1));
  return ranks;
}

TEST(TargetRanks, AreThoseOfASortedCatalogue) {
  Random random(5);
  for (int trial = 0; trial < 400; ++trial) {
    const auto n_items = 1 + random.below(60), n_levels = 1 + random.below(30);
    std::vector<float> scores;
    for (std::uint64_t i = 0; i < n_items; ++i) {
      const auto level = random.below(n_levels + 2);
      scores.push_back(level == n_levels ? kNan : level > n_levels ? -kInfinity : static_cast<float>(level));
    }
    std::vector<std::size_t> places;
    const double share = random.uniform();
    for (std::size_t place = 0; place < n_items; ++place)
      if (random.uniform() < share) places.push_back(place);
    for (const bool tie_ordered : {false, true}) {
      EXPECT_EQ(ranks_of(scores, places, tie_ordered).ranks, by_sorting(scores, places, tie_ordered))
          << "trial " << trial << " with seed 5, tie_ordered " << tie_ordered;
    }
  }
}

}  // namespace
}  // namespace segue::ranking
