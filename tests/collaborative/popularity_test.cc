#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "tests/collaborative/small_world.h"
#include "tests/events/reading.h"

namespace segue::collaborative {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Popularity, CountsTrainingEvents) {
  EXPECT_EQ(small_scores(PopularityOptions{}), (std::vector<float>{5, 4, 4, 4, 2, 0}));
  const Dataset dataset = Dataset::in_memory(small_events());
  FitSettings settings;
  settings.include_validation = true;
  EXPECT_EQ(scores_of(*fit(PopularityOptions{}, dataset, settings), {}), (std::vector<float>{5, 4, 4, 5, 2, 0}));
}

/// Times in days of the training events; the later parts lie far in the future.
Dataset timed() {
  auto events = small_events();
  const std::vector<int> days = {0, 1, 2, 3, 100, 200, 1, 2, 2, 4, 6, 0, 5, 8, 3, 4, 5, 6, 1, 1, 2, 2};
  for (const int day : days) events.times_ms.push_back(day * std::int64_t{86'400'000});
  return Dataset::in_memory(std::move(events));
}

TEST(RecentPopularity, AnEventCountsHalfAfterHalfALife) {
  // Half-life 2 days, latest training event on day 8. Golden values: Python.
  const auto scores = scores_of(*fit(RecentPopularityOptions{.half_life = 2}, timed(), {}), kHistory);
  const std::vector<double> expected = {0.592830086, 0.426776695, 0.853553391, 1.6875, 0.853553391, 0};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 1e-6) << i;
}

TEST(RecentPopularity, ALongHalfLifeIsPopularity) {
  const auto scores = scores_of(*fit(RecentPopularityOptions{.half_life = 1e9}, timed(), {}), kHistory);
  const std::vector<float> counts = {5, 4, 4, 4, 2, 0};
  for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_NEAR(scores[i], counts[i], 1e-6) << i;
}

TEST(RecentPopularity, WithoutTimesSaysWhatToDo) {
  EXPECT_THAT(events::message_of<ConfigError>([] { small_scores(RecentPopularityOptions{}); }),
              AllOf(HasSubstr("recent_popularity"), HasSubstr("data.columns.time")));
}

}  // namespace
}  // namespace segue::collaborative
