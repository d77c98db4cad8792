#include "ranking/protocol.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace segue::ranking {
namespace {

/// Sequences of the items given, cut into training, validation and test; items from n_items on are unknown.
Dataset dataset_of(std::int32_t n_items, const std::vector<std::vector<std::vector<ItemRow>>>& sequences) {
  EventsInMemory events;
  events.n_items = n_items;
  for (const auto& parts : sequences) {
    for (std::size_t part = 0; part < 3; ++part) {
      events.item_rows.insert(events.item_rows.end(), parts[part].begin(), parts[part].end());
      const auto end = static_cast<std::int64_t>(events.item_rows.size());
      if (part == 0) events.train_ends.push_back(end);
      if (part == 1) events.valid_ends.push_back(end);
    }
    events.begins.push_back(static_cast<std::int64_t>(events.item_rows.size()));
  }
  return Dataset::in_memory(std::move(events));
}

/// A query as "sequence: events of the history | events asked for".
std::vector<std::string> texts(const std::vector<Query>& queries) {
  std::vector<std::string> lines;
  for (const Query& query : queries) {
    lines.push_back(std::to_string(query.sequence) + ": " + std::to_string(query.position - query.begin) + " | " +
                    std::to_string(query.end - query.position));
  }
  return lines;
}

using Lines = std::vector<std::string>;

RankingProtocol rest_of(Part part) { return {.part = part, .positions = Positions::kRest}; }

TEST(MakeQueries, TheRestBeginsWhereThePartDoes) {
  const Dataset dataset = dataset_of(5, {{{0, 1, 2}, {3}, {4, 0}}, {{0}, {1, 2, 3}, {}}, {{0, 1}, {}, {2}}});
  EXPECT_EQ(texts(make_queries(dataset, rest_of(Part::kTest))), (Lines{"0: 4 | 2", "2: 2 | 1"}));
  EXPECT_EQ(texts(make_queries(dataset, rest_of(Part::kValidation))), (Lines{"0: 3 | 1", "1: 1 | 3"}));
}

TEST(MakeQueries, AHeldOutSequenceIsCutAtTheGivenShare) {
  const Dataset dataset = dataset_of(9, {{{}, {}, {0, 1, 2, 3, 4}},                 // .8 of 5
                                         {{}, {}, {0, 1, 2, 3, 4, 5}},              // 4.8 of 6
                                         {{}, {}, {0, 1}},                          // 1.6 of 2: one is left over
                                         {{}, {}, {0}},                             // nothing is left over
                                         {{}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 0}, {}},  // of validation
                                         {{0, 1, 2, 3, 4}, {}, {}}});
  RankingProtocol protocol = rest_of(Part::kTest);
  EXPECT_EQ(texts(make_queries(dataset, protocol)), (Lines{"0: 4 | 1", "1: 5 | 1", "2: 1 | 1"}));
  protocol.given = 0.4;  // 2, 2.4 and .8 events
  EXPECT_EQ(texts(make_queries(dataset, protocol)), (Lines{"0: 2 | 3", "1: 3 | 3", "2: 1 | 1"}));
  protocol.part = Part::kValidation;
  protocol.given = 0.7;  // the nearest double times 10 is a little more than 7 or not, but 7 are given
  EXPECT_EQ(texts(make_queries(dataset, protocol)), (Lines{"4: 7 | 3"}));
  EXPECT_EQ(texts(make_queries(dataset, rest_of(Part::kTrain))), (Lines{"5: 4 | 1"}));
}

TEST(MakeQueries, AGivenShareIsNotRoundedUpForItsLastBit) {
  std::vector<ItemRow> items(100);
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = static_cast<ItemRow>(i);
  const Dataset dataset = dataset_of(100, {{{}, {}, items}});
  RankingProtocol protocol = rest_of(Part::kTest);
  protocol.given = 0.55;  // times 100 is 55.00000000000001
  EXPECT_EQ(texts(make_queries(dataset, protocol)), (Lines{"0: 55 | 45"}));
}

TEST(MakeQueries, TheRestComesAfterTheLeastHistory) {
  const Dataset dataset = dataset_of(5, {{{0}, {}, {1, 2, 3}}, {{}, {}, {0, 1, 2, 3}}, {{0}, {}, {1, 2}}});
  RankingProtocol protocol = rest_of(Part::kTest);
  protocol.given = 0.2;
  protocol.min_history = 3;
  EXPECT_EQ(texts(make_queries(dataset, protocol)), (Lines{"0: 3 | 1", "1: 3 | 1"}));
  protocol.min_history = 0;  // a held-out sequence has a history all the same
  EXPECT_EQ(texts(make_queries(dataset, protocol)), (Lines{"0: 1 | 3", "1: 1 | 3", "2: 1 | 2"}));
}

TEST(MakeQueries, ASequenceWithoutANewItemIsLeftOutWhereSeenItemsAreHidden) {
  const Dataset dataset = dataset_of(5, {{{0, 1}, {}, {1, 0, 1}}, {{0, 1}, {}, {1, 2}}, {{0, 5}, {}, {5}}});
  RankingProtocol protocol = rest_of(Part::kTest);
  EXPECT_EQ(make_queries(dataset, protocol).size(), 3U);
  protocol.hide_seen = true;
  EXPECT_EQ(texts(make_queries(dataset, protocol)), (Lines{"1: 2 | 2", "2: 2 | 1"})) << "unknown items are never seen";
  protocol.positions = Positions::kEvery;  // a single target is a candidate always
  EXPECT_EQ(make_queries(dataset, protocol).size(), 6U);
}

TEST(FindTargets, DistinctKnownAndEachUnknown) {
  const Dataset dataset = dataset_of(5, {{{0, 5}, {}, {3, 1, 5, 3, 0, 5, 1}}});
  RankingProtocol protocol = rest_of(Part::kTest);
  const Query query{0, 0, 2, 9};
  Targets targets;
  find_targets(dataset, protocol, query, targets);
  EXPECT_EQ(targets.known, (std::vector<ItemRow>{0, 1, 3}));
  EXPECT_EQ(targets.n_unknown, 2);
  EXPECT_EQ(targets.n_repeated, 0);
  EXPECT_EQ(targets.size(), 5);
  protocol.hide_seen = true;
  find_targets(dataset, protocol, query, targets);
  EXPECT_EQ(targets.known, (std::vector<ItemRow>{1, 3}));
  EXPECT_EQ(targets.n_unknown, 2);
  EXPECT_EQ(targets.n_repeated, 1);
  EXPECT_EQ(targets.size(), 4);
  protocol.positions = Positions::kLast;
  find_targets(dataset, protocol, {0, 0, 6, 7}, targets);
  EXPECT_EQ(targets.known, std::vector<ItemRow>{0});
  EXPECT_EQ(targets.n_repeated, 0);
}

}  // namespace
}  // namespace segue::ranking
