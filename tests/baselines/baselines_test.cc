#include "baselines/baselines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "support/random.h"

namespace segue::baselines {
namespace {

/// Training: 0 1 2 | 0 1 | 0 3 0 | 1; test: the first goes on to 3, the last to 0 2. Counts of training: 4 3 1 1 (item
/// 4: 0).
Dataset small_dataset() {
  return Dataset::in_memory(
      {5, {0, 4, 6, 9, 12}, {3, 6, 9, 10}, {3, 6, 9, 11}, {0, 1, 2, 3, 0, 1, 0, 3, 0, 1, 0, 2}, {}});
}

std::vector<float> scores(const std::string& name, const ranking::Query& query, bool include_validation = false) {
  const Dataset dataset = small_dataset();
  const auto baseline = make_baseline(name, dataset, {}, include_validation);
  std::vector<float> row(5, -7);
  baseline->score({&query, 1}, {row.data(), 1, 5});
  EXPECT_EQ(baseline->name(), name);
  return row;
}

constexpr ranking::Query kFirst{0, 0, 3};  // after 0 1 2
constexpr ranking::Query kLast{3, 9, 11};  // after 1 0, of which only 1 is training

TEST(Popularity, CountsTheTrainingPart) {
  EXPECT_EQ(scores("popularity", kFirst), (std::vector<float>{4, 3, 1, 1, 0}));
  EXPECT_EQ(scores("popularity", kFirst, true), (std::vector<float>{5, 3, 1, 1, 0}));
}

TEST(SessionPopularity, TheHistoryFirst) {
  // Levels of popularity: 0, 1, 3, 4 of four.
  EXPECT_EQ(scores("session_popularity", kLast), (std::vector<float>{1.75F, 1.5F, 0.25F, 0.25F, 0}));
}

TEST(UserFrequency, OnlyTrainingEventsCount) {
  EXPECT_EQ(scores("user_frequency", kLast), (std::vector<float>{0.75F, 1.5F, 0.25F, 0.25F, 0}));
  // With the validation part its 0 counts too; popularity then has levels 0, 1, 3, 5.
  EXPECT_EQ(scores("user_frequency", kLast, true), (std::vector<float>{1.75F, 1.5F, 0.25F, 0.25F, 0}));
}

TEST(Markov, CountsConsecutivePairs) {
  EXPECT_EQ(scores("markov", kLast), (std::vector<float>{0, 2, 0, 1, 0}));   // after 0: 1 twice, 3 once
  EXPECT_EQ(scores("markov", kFirst), (std::vector<float>{0, 0, 0, 0, 0}));  // nothing followed 2
  EXPECT_EQ(scores("markov", {0, 0, 2}), (std::vector<float>{0, 0, 1, 0, 0}));
}

TEST(Markov, FirstSeenFollowersLeadEqualOnes) {
  // After 0: 2 once, then 1 once, then 3 twice.
  const Dataset dataset =
      Dataset::in_memory({4, {0, 2, 4, 6, 8}, {2, 4, 6, 8}, {2, 4, 6, 8}, {0, 2, 0, 1, 0, 3, 0, 3}, {}});
  BaselineOptions options;
  options.ties = TieOrder::kFirstSeen;
  const auto baseline = make_baseline("markov", dataset, options);
  const ranking::Query query{0, 0, 1};
  std::vector<float> row(4);
  baseline->score({&query, 1}, {row.data(), 1, 4});
  EXPECT_EQ(row, (std::vector<float>{0, 1.5F, 1.75F, 2.25F}));
}

TEST(ItemKnn, CosineOfSessions) {
  // Item 0 is in sequences a b c, 1 in a b d, 2 in a, 3 in c; sizes are shrunk by 20.
  const auto row = scores("item_knn", kLast);
  EXPECT_FLOAT_EQ(row[1], 2.0F / 23.0F);
  EXPECT_FLOAT_EQ(row[2], static_cast<float>(1 / std::sqrt(23.0 * 21.0)));
  EXPECT_FLOAT_EQ(row[3], static_cast<float>(1 / std::sqrt(23.0 * 21.0)));
  EXPECT_EQ(row[0], 0);
  EXPECT_EQ(row[4], 0);
}

TEST(VSknn, SequencesVoteByTheirLatestSharedItem) {
  // History 1 0: weights 1/2 and 1. Similarities: a (0 1 2) 1.5, b (0 1) 1.5, c (0 3) 1, d (1) .5, whose 1 lies a step
  // back.
  const auto row = scores("v_sknn", kLast);
  const double rarity_common = std::log(4.0 / 3);
  EXPECT_NEAR(row[0], (1.5 + 1.5 + 1) * rarity_common, 1e-5);
  EXPECT_NEAR(row[1], (1.5 + 1.5 + 0.5 * 0.9) * rarity_common, 1e-5);
  EXPECT_NEAR(row[2], 1.5 * std::log(4.0), 1e-5);
  EXPECT_NEAR(row[3], 1 * std::log(4.0), 1e-5);
  EXPECT_EQ(row[4], 0);
  EXPECT_EQ(scores("v_sknn", kLast), row);
}

TEST(MakeBaseline, TieOrders) {
  const Dataset dataset = Dataset::in_memory({3, {0, 4}, {4}, {4}, {0, 1, 2, 2}, {}});
  BaselineOptions options;
  const auto by_popularity = make_baseline("markov", dataset, options);
  EXPECT_EQ(std::vector<ItemRow>(by_popularity->tie_order().begin(), by_popularity->tie_order().end()),
            (std::vector<ItemRow>{2, 0, 1}));
  options.ties = TieOrder::kFirstSeen;
  const auto first_seen = make_baseline("markov", dataset, options);
  EXPECT_EQ(std::vector<ItemRow>(first_seen->tie_order().begin(), first_seen->tie_order().end()),
            (std::vector<ItemRow>{0, 1, 2}));
}

TEST(MakeBaseline, TestEventsChangeNothing) {
  for (const std::string& name : BaselineOptions().names) {
    const Dataset before = Dataset::in_memory({4, {0, 4, 7}, {3, 7}, {3, 7}, {0, 1, 2, 3, 1, 2, 0}, {}});
    const Dataset after = Dataset::in_memory({4, {0, 4, 7}, {3, 7}, {3, 7}, {0, 1, 2, 1, 1, 2, 0}, {}});
    const ranking::Query query{0, 0, 3};
    std::vector<float> row(4);
    std::vector<float> other(4);
    make_baseline(name, before, {})->score({&query, 1}, {row.data(), 1, 4});
    make_baseline(name, after, {})->score({&query, 1}, {other.data(), 1, 4});
    EXPECT_EQ(row, other) << name;
  }
}

TEST(MakeBaseline, ReplacedLaterPartsChangeNothing) {
  // Sequences of random items, each with a training, a validation and a test part; then other items in the later parts.
  EventsInMemory events;
  events.n_items = 9;
  Random random(4);
  for (int s = 0; s < 50; ++s) {
    const auto n_training = 1 + static_cast<std::int64_t>(random.below(5));
    events.train_ends.push_back(events.begins.back() + n_training);
    events.valid_ends.push_back(events.train_ends.back() + 1);
    events.begins.push_back(events.valid_ends.back() + 1);
  }
  for (std::int64_t e = 0; e < events.begins.back(); ++e)
    events.item_rows.push_back(static_cast<ItemRow>(random.below(8)));
  EventsInMemory replaced = events;
  for (std::size_t s = 0; s < events.train_ends.size(); ++s) {
    for (auto e = static_cast<std::size_t>(events.train_ends[s]); e < static_cast<std::size_t>(events.begins[s + 1]);
         ++e)
      replaced.item_rows[e] = 9 - events.item_rows[e];
  }
  const Dataset before = Dataset::in_memory(events), after = Dataset::in_memory(replaced);
  ASSERT_NE(before.fingerprint(), after.fingerprint());
  for (const TieOrder ties : {TieOrder::kPopularity, TieOrder::kFirstSeen}) {
    BaselineOptions options;
    options.ties = ties;
    for (const std::string& name : BaselineOptions().names) {
      const auto a = make_baseline(name, before, options), b = make_baseline(name, after, options);
      EXPECT_TRUE(
          std::equal(a->tie_order().begin(), a->tie_order().end(), b->tie_order().begin(), b->tie_order().end()))
          << name;
      for (std::int64_t s = 0; s < before.n_sequences(); ++s) {
        const ranking::Query query{s, before.bounds(s).begin, before.bounds(s).train_end};
        std::vector<float> row(9), other(9);
        a->score({&query, 1}, {row.data(), 1, 9});
        b->score({&query, 1}, {other.data(), 1, 9});
        ASSERT_EQ(row, other) << name << ", sequence " << s;
      }
    }
  }
}

TEST(MakeBaseline, UnknownItemsAndEmptyHistories) {
  const Dataset dataset = Dataset::in_memory({2, {0, 4}, {2}, {2}, {0, 1, 2, 0}, {}});  // 2 is unknown
  for (const std::string& name : BaselineOptions().names) {
    const auto baseline = make_baseline(name, dataset, {});
    for (const ranking::Query query : {ranking::Query{0, 0, 3}, ranking::Query{0, 0, 0}}) {
      std::vector<float> row(2, std::nanf(""));
      baseline->score({&query, 1}, {row.data(), 1, 2});
      EXPECT_FALSE(std::isnan(row[0]) || std::isnan(row[1])) << name;
    }
  }
}

TEST(MakeBaseline, AnUnknownNameListsTheKnownOnes) {
  try {
    make_baseline("markow", small_dataset(), {});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("markov"), std::string::npos);
  }
}

}  // namespace
}  // namespace segue::baselines
