// What holds for every kind.

#include "collaborative/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "collaborative/filter_scorer.h"
#include "ranking/metrics.h"
#include "ranking/ranker.h"
#include "support/errors.h"
#include "tests/collaborative/small_world.h"
#include "tests/events/reading.h"
#include "tests/events/scratch_folder.h"

namespace segue::collaborative {
namespace {

using testing::HasSubstr;

constexpr std::int32_t kItems = 60;
constexpr std::int64_t kSequences = 200;

struct Case {
  std::string name;
  FilterOptions options;
  bool reads_history = true;
};

std::vector<Case> cases() {
  return {{"popularity", PopularityOptions{}, false},
          {"recent_popularity", RecentPopularityOptions{}, false},
          {"item_knn", ItemKnnOptions{}},
          {"item_knn_few", ItemKnnOptions{.shrink = 1, .neighbours = 5, .history_half_life = 2}},
          {"ease", EaseOptions{.l2 = 10}},
          {"ease_few", EaseOptions{.l2 = 10, .neighbours = 7}},
          {"ials", IalsOptions{.dim = 8, .l2 = 0.01}},
          {"ials_blocks", IalsOptions{.dim = 24, .l2 = 0.01, .epochs = 3, .block_dim = 10}}};
}

class EveryKind : public testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<Filter> fitted(int n_threads = 1) const {
    FitSettings settings;
    settings.n_threads = n_threads;
    return fit(GetParam().options, dataset_, settings);
  }
  std::span<const ItemRow> history(std::int64_t sequence) const {
    const auto bounds = dataset_.bounds(sequence);
    return dataset_.item_rows().subspan(static_cast<std::size_t>(bounds.begin),
                                        static_cast<std::size_t>(bounds.valid_end - bounds.begin));
  }
  std::vector<float> all_scores(const Filter& filter, int n_threads = 1) const {
    std::vector<std::span<const ItemRow>> histories;
    for (std::int64_t s = 0; s < kSequences; ++s) histories.push_back(history(s));
    std::vector<float> scores(static_cast<std::size_t>(kSequences * kItems), std::nanf(""));
    filter.score_all(histories, {scores.data(), kSequences, kItems}, n_threads);
    return scores;
  }
  const Dataset dataset_ = two_clusters(kItems, kSequences, 9);
};

TEST_P(EveryKind, RecommendsWithinTheCluster) {
  if (!GetParam().reads_history) GTEST_SKIP() << "popularity knows no clusters";
  const auto filter = fitted();
  for (std::int64_t s = 0; s < kSequences; ++s) {
    const auto items = history(s);
    const auto scores = scores_of(*filter, {items.begin(), items.end()});
    const auto middle = scores.begin() + kItems / 2;
    const float best_first = *std::max_element(scores.begin(), middle),
                best_second = *std::max_element(middle, scores.end());
    EXPECT_EQ(best_first > best_second, s < kSequences / 2) << s;
  }
}

TEST_P(EveryKind, FindsMoreThanChance) {
  const auto filter = fitted();
  FilterScorer scorer(*filter, dataset_, 2);
  EXPECT_EQ(scorer.name(), GetParam().options.kind());
  const ranking::RankingProtocol protocol;
  ranking::MetricAccumulator metrics({ranking::MetricName::parse("hit_rate@10")}, kItems);
  ranking::rank_all(dataset_, scorer, ranking::make_queries(dataset_, protocol), protocol, 2,
                    [&](const ranking::Ranking& ranking) { metrics.add(ranking); });
  EXPECT_EQ(metrics.n_queries(), kSequences);
  EXPECT_GT(metrics.values().at("hit_rate@10"),
            GetParam().reads_history ? 0.4 : 0.2);  // chance: .17, two clusters: .33
}

TEST_P(EveryKind, AScorerReadsTheEventsBeforeTheTarget) {
  const auto filter = fitted();
  FilterScorer scorer(*filter, dataset_, 2);
  const auto begin = dataset_.bounds(3).begin;
  const std::vector<ranking::Query> queries = {
      {3, begin, begin}, {3, begin, begin + 3}, {4, dataset_.bounds(4).begin, dataset_.bounds(4).begin + 1}};
  std::vector<float> scores(3 * kItems, std::nanf(""));
  scorer.score(queries, {scores.data(), 3, kItems});
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const auto items = dataset_.item_rows().subspan(static_cast<std::size_t>(queries[q].begin),
                                                    static_cast<std::size_t>(queries[q].position - queries[q].begin));
    const auto expected = scores_of(*filter, {items.begin(), items.end()});
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), scores.begin() + static_cast<std::ptrdiff_t>(q) * kItems))
        << q;
  }
}

TEST_P(EveryKind, TheSameBitsOnAnyNumberOfThreads) {
  const auto one = all_scores(*fitted(1));
  for (const int n_threads : {2, 3}) {
    const auto filter = fitted(n_threads);
    EXPECT_EQ(all_scores(*filter, 1), one) << n_threads;
    EXPECT_EQ(all_scores(*filter, n_threads), one) << n_threads;
  }
}

TEST_P(EveryKind, ManyHistoriesScoreAsOneByOne) {
  const auto filter = fitted();
  const auto all = all_scores(*filter, 2);
  for (std::int64_t s = 0; s < kSequences; ++s) {
    const auto items = history(s);
    const auto scores = scores_of(*filter, {items.begin(), items.end()});
    ASSERT_TRUE(std::equal(scores.begin(), scores.end(), all.begin() + s * kItems)) << s;
  }
}

TEST_P(EveryKind, SavedAndLoadedItScoresTheSameBits) {
  const ScratchFolder folder;
  const auto filter = fitted();
  const auto path = folder / "weights.safetensors";
  model_file::write_safetensors(path, filter->weights(), {});
  const auto options = FilterOptions::from_json(filter->kind(), filter->options().to_json(), "manifest");
  std::unique_ptr<Filter> loaded;
  {
    const model_file::SafetensorsFile file(path);
    loaded = load(options, file, kItems);
    EXPECT_THAT(events::message_of<DataError>([&] { load(options, file, kItems + 1); }),
                HasSubstr("weights.safetensors"));
  }
  EXPECT_EQ(loaded->kind(), filter->kind());
  EXPECT_EQ(loaded->options().to_json(), filter->options().to_json());
  EXPECT_EQ(all_scores(*loaded), all_scores(*filter));
}

TEST_P(EveryKind, RefusesAFileOfAnotherKind) {
  const ScratchFolder folder;
  const auto path = folder / "weights.safetensors";
  model_file::write_safetensors(path, {}, {});
  const model_file::SafetensorsFile file(path);
  EXPECT_THAT(events::message_of<DataError>([&] { load(GetParam().options, file, kItems); }), HasSubstr("missing"));
}

TEST_P(EveryKind, LearnsNothingFromLaterParts) {
  auto events = small_events();
  for (std::size_t e = 0; e < events.item_rows.size(); ++e) events.times_ms.push_back(static_cast<std::int64_t>(e));
  auto other = events;
  other.item_rows[4] = 1;  // the validation and the test event of the first sequence
  other.item_rows[5] = 2;
  other.times_ms[4] = other.times_ms[5] = 1'000'000'000;
  const auto a = Dataset::in_memory(events), b = Dataset::in_memory(other);
  EXPECT_EQ(scores_of(*fit(GetParam().options, a, {}), kHistory), scores_of(*fit(GetParam().options, b, {}), kHistory));
  FitSettings with_validation;
  with_validation.include_validation = true;
  EXPECT_NE(scores_of(*fit(GetParam().options, a, with_validation), kHistory),
            scores_of(*fit(GetParam().options, b, with_validation), kHistory));
}

TEST_P(EveryKind, EmptyAndUnknownHistoriesScoreFinitely) {
  const auto filter = fitted();
  const auto nothing = scores_of(*filter, {});
  EXPECT_EQ(scores_of(*filter, {kItems, -1, 1'000'000}), nothing);
  for (const float score : nothing) EXPECT_TRUE(std::isfinite(score));
  if (!GetParam().reads_history) return;
  EXPECT_EQ(nothing, std::vector<float>(kItems));
}

TEST_P(EveryKind, AnItemThatNobodyHasScoresNothing) {
  auto events = small_events();
  for (std::size_t e = 0; e < events.item_rows.size(); ++e) events.times_ms.push_back(static_cast<std::int64_t>(e));
  const auto dataset = Dataset::in_memory(std::move(events));
  const auto filter = fit(GetParam().options, dataset, {});
  const auto scores = scores_of(*filter, kHistory);
  for (const float score : scores) EXPECT_TRUE(std::isfinite(score));
  EXPECT_EQ(scores[5], 0);
}

TEST_P(EveryKind, ADatasetWithoutEvents) {
  EventsInMemory events;
  events.n_items = 3;
  const auto filter = fit(GetParam().options, Dataset::in_memory(std::move(events)), {});
  for (const float score : scores_of(*filter, {0, 2})) EXPECT_TRUE(std::isfinite(score));
}

TEST_P(EveryKind, WrongShapesAreRefused) {
  const auto filter = fitted();
  std::vector<float> scores(kItems - 1);
  EXPECT_THROW(filter->score({}, scores), std::invalid_argument);
  EXPECT_THROW(filter->score_all({}, {scores.data(), 1, kItems}, 1), std::invalid_argument);
  const auto other = two_clusters(kItems + 2, 10, 1);
  EXPECT_THROW(FilterScorer(*filter, other, 1), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind, testing::ValuesIn(cases()), [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace segue::collaborative
