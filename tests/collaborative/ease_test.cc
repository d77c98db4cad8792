// Golden values: numpy.linalg.inv in double.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collaborative/neighbour_filter.h"
#include "support/errors.h"
#include "tests/collaborative/small_world.h"
#include "tests/events/reading.h"

namespace segue::collaborative {
namespace {

using events::message_of;
using testing::AllOf;
using testing::HasSubstr;

void expect_near(const std::vector<float>& scores, const std::vector<double>& expected) {
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 1e-6) << i;
}

TEST(Ease, WeightsOfEveryItem) {
  const std::vector<std::vector<double>> expected = {{0, 0.358139535, 0.306024096, -0.121212121, 0.183673469, 0},
                                                     {0.382133995, 0, 0.279518072, 0.287878788, -0.217687075, 0},
                                                     {0.315136476, 0.269767442, 0, 0.212121212, 0.115646259, 0},
                                                     {-0.1191067, 0.265116279, 0.202409639, 0, 0.204081633, 0},
                                                     {0.200992556, -0.223255814, 0.122891566, 0.227272727, 0, 0},
                                                     {0, 0, 0, 0, 0, 0}};
  for (ItemRow item = 0; item < 6; ++item)
    expect_near(small_scores(EaseOptions{.l2 = 2}, {item}), expected[static_cast<std::size_t>(item)]);
}

TEST(Ease, AddsTheRowsOfAHistory) {
  expect_near(small_scores(EaseOptions{.l2 = 2}),
              {0.583126551, 0.134883721, 0.708433735, 0.393939394, -0.0340136054, 0});
}

TEST(Ease, KeepsTheLargestInMagnitude) {
  const EaseOptions options{.l2 = 2, .neighbours = 2};
  const Dataset dataset = Dataset::in_memory(small_events());
  const auto filter = fit(options, dataset, {});
  const auto& rows = *filter->neighbours();
  const auto row = rows.row(4);
  ASSERT_EQ(row.size(), 2U);
  EXPECT_EQ(row[0].item, 1);
  EXPECT_NEAR(row[0].weight, -0.223255814, 1e-6);
  EXPECT_EQ(row[1].item, 3);
  EXPECT_TRUE(rows.row(5).empty());
  expect_near(scores_of(*filter, kHistory), {0.382133995, 0.134883721, 0.306024096, 0.515151515, 0, 0});
}

TEST(Ease, AllNeighboursAreTheWholeMatrix) {
  EXPECT_EQ(small_scores(EaseOptions{.l2 = 2, .neighbours = 5}), small_scores(EaseOptions{.l2 = 2}));
}

TEST(Ease, RefusesAMatrixBeyondTheLimit) {
  EventsInMemory events;
  events.n_items = 1'000'000;
  const Dataset dataset = Dataset::in_memory(std::move(events));
  EXPECT_THAT(message_of<ConfigError>([&] { fit(EaseOptions{}, dataset, {}); }),
              AllOf(HasSubstr("1,000,000"), HasSubstr("4.0 TB"), HasSubstr("model.memory_limit"), HasSubstr("ials")));
}

TEST(Ease, SaysThatItNeedsAPenalty) {
  // Item 5 has no events: without a penalty its row is zero.
  EXPECT_THAT(message_of<NumericError>([] { small_scores(EaseOptions{.l2 = 0}); }), HasSubstr("model.l2"));
}

}  // namespace
}  // namespace segue::collaborative
