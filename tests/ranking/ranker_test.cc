#include "ranking/ranker.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "ranking/metrics.h"

namespace segue::ranking {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Two sequences over 5 items. First: train 0 1, validation 2, test 1 3. Second: train 4, test 0 5 (5 is unknown).
Dataset small_dataset() { return Dataset::in_memory({5, {0, 5, 8}, {2, 6}, {3, 6}, {0, 1, 2, 1, 3, 4, 0, 5}, {}}); }

class Planted : public Scorer {
 public:
  explicit Planted(std::function<float(const Query&, std::int64_t)> score) : score_(std::move(score)) {}
  [[nodiscard]] std::string name() const override { return "planted"; }
  void score(std::span<const Query> queries, kernels::MatrixView<float> scores) override {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      for (std::int64_t item = 0; item < scores.n_cols; ++item) {
        scores.row(static_cast<std::int64_t>(q))[item] = score_(queries[q], item);
      }
    }
  }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return order; }
  std::vector<ItemRow> order;

 private:
  std::function<float(const Query&, std::int64_t)> score_;
};

struct Answer {
  std::int64_t position;
  std::vector<std::int64_t> ranks;
  bool tied;
  std::vector<ItemRow> items;
  bool operator==(const Answer&) const = default;
};

std::vector<Answer> rank(const Dataset& dataset, Scorer& scorer, const RankingProtocol& protocol, int n_threads = 2,
                         std::int64_t block_queries = 2) {
  std::vector<Answer> answers;
  const auto queries = make_queries(dataset, protocol);
  rank_all(
      dataset, scorer, queries, protocol, n_threads,
      [&](const Ranking& r) {
        answers.push_back(
            {r.query->position, {r.ranks.begin(), r.ranks.end()}, r.tied, {r.items.begin(), r.items.end()}});
      },
      block_queries);
  return answers;
}

std::vector<std::int64_t> positions(const std::vector<Query>& queries) {
  std::vector<std::int64_t> found;
  for (const Query& query : queries) found.push_back(query.position);
  return found;
}

TEST(MakeQueries, PartsAndPositions) {
  const Dataset dataset = small_dataset();
  EXPECT_EQ(positions(make_queries(dataset, {.part = Part::kTest})), (std::vector<std::int64_t>{4, 7}));
  EXPECT_EQ(positions(make_queries(dataset, {.part = Part::kTest, .positions = Positions::kEvery})),
            (std::vector<std::int64_t>{3, 4, 6, 7}));
  EXPECT_EQ(positions(make_queries(dataset, {.part = Part::kValidation})), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(positions(make_queries(dataset, {.part = Part::kTrain, .positions = Positions::kEvery})),
            (std::vector<std::int64_t>{1}));
  EXPECT_EQ(positions(make_queries(dataset, {.part = Part::kTrain, .positions = Positions::kEvery, .min_history = 0})),
            (std::vector<std::int64_t>{0, 1, 5}));
  EXPECT_EQ(positions(make_queries(dataset, {.part = Part::kTest, .min_history = 3})), (std::vector<std::int64_t>{4}));
}

TEST(RankAll, PlantedReturnsWithAndWithoutSeenItems) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query&, std::int64_t item) { return -static_cast<float>(item); });  // 0 1 2 3 4
  const RankingProtocol open{.positions = Positions::kEvery, .max_k = 3};
  RankingProtocol hidden = open;
  hidden.hide_seen = true;
  // Targets: 1 after 0 1 2 (a return), 3 after 0 1 2 1, 0 after 4, unknown after 4 0.
  EXPECT_EQ(rank(dataset, scorer, open), (std::vector<Answer>{{3, {2}, false, {0, 1, 2}},
                                                              {4, {4}, false, {0, 1, 2}},
                                                              {6, {1}, false, {0, 1, 2}},
                                                              {7, {}, false, {0, 1, 2}}}));
  EXPECT_EQ(rank(dataset, scorer, hidden), (std::vector<Answer>{{3, {1}, false, {1, 3, 4}},
                                                                {4, {1}, false, {3, 4, kNoItem}},
                                                                {6, {1}, false, {0, 1, 2}},
                                                                {7, {}, false, {1, 2, 3}}}));
}

TEST(RankAll, ConstantAndNanModelsGetNothing) {
  const Dataset dataset = small_dataset();
  for (const float value :
       {0.0F, kNan, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    Planted scorer([value](const Query&, std::int64_t) { return value; });
    MetricAccumulator sums({MetricName::parse("hit_rate@4"), MetricName::parse("mrr@4"), MetricName::parse("ndcg@4")},
                           5);
    const RankingProtocol protocol{.positions = Positions::kEvery, .max_k = 4};
    rank_all(dataset, scorer, make_queries(dataset, protocol), protocol, 1, [&](const Ranking& r) { sums.add(r); });
    for (const auto& [name, average] : sums.values())
      EXPECT_EQ(average, 0) << name << " of a model that scores " << value;
  }
}

TEST(RankAll, NanBesideTheTargetDoesNotCount) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query&, std::int64_t item) { return item == 3 ? 1.0F : kNan; });
  const auto answers = rank(dataset, scorer, {.max_k = 2});
  EXPECT_EQ(answers[0], (Answer{4, {1}, false, {3, kNoItem}}));
}

TEST(RankAll, TiesFollowTheDeclaredOrderOrCountAgainstAModel) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query&, std::int64_t item) { return item == 0 ? 2.0F : 1.0F; });
  EXPECT_EQ(rank(dataset, scorer, {.max_k = 3})[0], (Answer{4, {5}, true, {0, 1, 2}}));
  scorer.order = {4, 3, 2, 1, 0};
  EXPECT_EQ(rank(dataset, scorer, {.max_k = 3})[0], (Answer{4, {3}, true, {0, 4, 3}}));
}

// Sets: 1 and 3 after 0 1 2, and 0 and an unknown item after 4.
TEST(RankAll, SetsOfTargets) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query&, std::int64_t item) { return -static_cast<float>(item); });  // 0 1 2 3 4
  RankingProtocol protocol{.positions = Positions::kRest, .max_k = 3};
  EXPECT_EQ(rank(dataset, scorer, protocol),
            (std::vector<Answer>{{3, {2, 4}, false, {0, 1, 2}}, {6, {1}, false, {0, 1, 2}}}));
  protocol.hide_seen = true;  // 1 is no target any more
  EXPECT_EQ(rank(dataset, scorer, protocol),
            (std::vector<Answer>{{3, {1}, false, {3, 4, kNoItem}}, {6, {1}, false, {0, 1, 2}}}));
}

TEST(RankAll, SetsAreCountedWithWhatCannotBeFound) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query&, std::int64_t item) { return -static_cast<float>(item); });
  const RankingProtocol protocol{.positions = Positions::kRest, .hide_seen = true, .max_k = 9};
  std::vector<std::int64_t> n_targets;
  MetricAccumulator sums({{"recall", 9}, {"precision", 9}, {"ndcg", 1}}, 5);  // lists longer than the catalogue
  rank_all(dataset, scorer, make_queries(dataset, protocol), protocol, 1, [&](const Ranking& r) {
    n_targets.push_back(r.n_targets);
    sums.add(r);
    EXPECT_EQ(r.items.size(), 9U);
    EXPECT_EQ(r.items.back(), kNoItem);
  });
  EXPECT_EQ(n_targets, (std::vector<std::int64_t>{1, 2}));
  EXPECT_DOUBLE_EQ(sums.values().at("recall@9"), (1.0 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(sums.values().at("precision@9"), 1.0 / 9);
  EXPECT_DOUBLE_EQ(sums.values().at("ndcg@1"), 1);
}

TEST(RankAll, SetsOfAConstantOrNanModelGetNothing) {
  const Dataset dataset = small_dataset();
  const RankingProtocol protocol{.positions = Positions::kRest, .max_k = 3};
  for (const float score : {0.0F, kNan, -std::numeric_limits<float>::infinity()}) {
    Planted scorer([score](const Query&, std::int64_t) { return score; });
    MetricAccumulator sums({{"hit_rate", 3}, {"recall", 3}, {"ndcg", 3}}, 5);
    rank_all(dataset, scorer, make_queries(dataset, protocol), protocol, 1, [&](const Ranking& r) { sums.add(r); });
    for (const auto& [name, average] : sums.values())
      EXPECT_EQ(average, 0) << name << " of a model that scores " << score;
  }
}

TEST(RankAll, SetsFollowTheDeclaredTieOrderOrComeLast) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query&, std::int64_t item) { return item == 0 ? 2.0F : 1.0F; });
  const RankingProtocol protocol{.positions = Positions::kRest, .max_k = 3};
  EXPECT_EQ(rank(dataset, scorer, protocol)[0], (Answer{3, {4, 5}, true, {0, 1, 2}}));  // 0, then 2 and 4, then 1 and 3
  scorer.order = {4, 3, 2, 1, 0};
  EXPECT_EQ(rank(dataset, scorer, protocol)[0], (Answer{3, {3, 5}, true, {0, 4, 3}}));
}

TEST(RankAll, AsksForAtLeastOneEvent) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query&, std::int64_t) { return 0.0F; });
  const Query query{0, 0, 3, 3};
  EXPECT_THROW(rank_all(dataset, scorer, {&query, 1}, {}, 1, [](const Ranking&) {}), std::invalid_argument);
}

TEST(RankAll, BlocksAndThreadsDoNotShow) {
  EventsInMemory events;
  events.n_items = 50;
  for (int s = 0; s < 40; ++s) {
    for (int i = 0; i < 6; ++i) events.item_rows.push_back((s * 7 + i * i) % 50);
    events.begins.push_back(events.begins.back() + 6);
    events.train_ends.push_back(events.begins.back() - 4);
    events.valid_ends.push_back(events.begins.back() - 3);
  }
  const Dataset dataset = Dataset::in_memory(std::move(events));
  Planted scorer(
      [](const Query& query, std::int64_t item) { return static_cast<float>((query.position * 31 + item * 17) % 23); });
  for (const Positions positions : {Positions::kEvery, Positions::kRest}) {
    const RankingProtocol protocol{.positions = positions, .hide_seen = true, .max_k = 7};
    const auto expected = rank(dataset, scorer, protocol, 1, 1);
    EXPECT_EQ(expected.size(), positions == Positions::kEvery ? 120U : 40U);
    for (const int n_threads : {1, 2, 5}) {
      for (const std::int64_t block : {0, 1, 2, 3, 16, 119, 120, 1000})
        EXPECT_EQ(rank(dataset, scorer, protocol, n_threads, block), expected);
    }
  }
}

TEST(RankAll, WhatTheScorerThrowsReachesTheCaller) {
  const Dataset dataset = small_dataset();
  Planted scorer([](const Query& query, std::int64_t) -> float {
    if (query.position == 7) throw std::runtime_error("no");
    return 0;
  });
  EXPECT_THROW(rank(dataset, scorer, {}), std::runtime_error);
}

/// small_dataset() with a time an event and an interval an item. Test events: 1 at 3, 3 at 4 (first sequence), 0 at 6
/// and the unknown 5 at 7.
Dataset dataset_of_intervals() {
  constexpr auto kEver = std::numeric_limits<std::int64_t>::min(), kNever = std::numeric_limits<std::int64_t>::max();
  EventsInMemory events{5, {0, 5, 8}, {2, 6}, {3, 6}, {0, 1, 2, 1, 3, 4, 0, 5}, {0, 1, 2, 3, 4, 5, 6, 7}, {}, {}, {}};
  events.available_from_ms = {kEver, 3, kEver, 5, 4};
  events.available_until_ms = {7, kNever, 3, kNever, kNever};
  return Dataset::in_memory(std::move(events));
}

TEST(RankAll, OnlyWhatIsAvailableAtTheTimeOfTheTargetRanks) {
  const Dataset dataset = dataset_of_intervals();
  for (const bool ordered : {false, true}) {
    Planted scorer([](const Query&, std::int64_t item) { return static_cast<float>(item); });
    if (ordered) scorer.order = {4, 3, 2, 1, 0};
    const RankingProtocol protocol{.positions = Positions::kEvery, .max_k = 5};
    // At 3: 0 and 1 (2 has just gone, 3 and 4 are yet to come). At 4 the target 3 itself is not there. At 6: all but 2.
    // At 7 item 0 has gone too.
    const std::vector<Answer> expected = {{3, {1}, false, {1, 0, kNoItem, kNoItem, kNoItem}},
                                          {4, {}, false, {4, 1, 0, kNoItem, kNoItem}},
                                          {6, {4}, false, {4, 3, 1, 0, kNoItem}},
                                          {7, {}, false, {4, 3, 1, kNoItem, kNoItem}}};
    EXPECT_EQ(rank(dataset, scorer, protocol), expected) << ordered;
  }
}

TEST(RankAll, SetsAreAskedForWhenTheyBegin) {
  const Dataset dataset = dataset_of_intervals();
  const RankingProtocol protocol{.positions = Positions::kRest, .max_k = 2};
  Planted scorer([](const Query&, std::int64_t item) { return static_cast<float>(item); });
  const auto answers = rank(dataset, scorer, protocol);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].ranks, (std::vector<std::int64_t>{1}));  // of {1, 3} at 3: 3 is yet to come
  Targets targets;
  find_targets(dataset, protocol, make_queries(dataset, protocol)[0], targets);
  EXPECT_EQ(targets.size(), 2);  // it counts, as a miss
  EXPECT_EQ(targets.n_unavailable, 1);
}

// Items 3 and 4 have no training event.
TEST(RankAll, UntrainedItemsCanBeAskedForAlone) {
  const Dataset dataset = Dataset::in_memory({5, {0, 5}, {2}, {2}, {0, 2, 3, 1, 4}, {}});
  ASSERT_EQ(dataset.n_trained_items(), 3);
  Planted scorer([](const Query&, std::int64_t item) { return static_cast<float>(-item); });
  RankingProtocol protocol{.positions = Positions::kEvery, .max_k = 5};
  protocol.untrained_targets = true;
  const auto among_all = rank(dataset, scorer, protocol);
  ASSERT_EQ(among_all.size(), 2U);
  EXPECT_EQ(among_all[0].ranks, (std::vector<std::int64_t>{4}));
  EXPECT_EQ(among_all[1].ranks, (std::vector<std::int64_t>{5}));
  protocol.untrained_candidates = true;
  const auto alone = rank(dataset, scorer, protocol);
  EXPECT_EQ(alone[0].ranks, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(alone[1].ranks, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(alone[1].items, (std::vector<ItemRow>{3, 4, -1, -1, -1}));
  protocol.positions = Positions::kRest;
  const auto set = rank(dataset, scorer, protocol);
  ASSERT_EQ(set.size(), 1U);
  EXPECT_EQ(set[0].ranks, (std::vector<std::int64_t>{1, 2}));
}

}  // namespace
}  // namespace segue::ranking
