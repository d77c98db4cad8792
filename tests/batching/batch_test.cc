#include "batching/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace segue::batching {
namespace {

using testing::ElementsAre;

template <class T>
std::vector<T> values(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<T>(), tensor.const_data_ptr<T>() + tensor.numel()};
}

// Two sequences side by side in the event columns: [4 5 4] with one event more (9, unknown), and [1 2] with none.
struct TwoSequences {
  std::vector<std::int32_t> items{1, 2, 4, 5, 4, 9};
  std::vector<std::int32_t> codes{10, 11, 20, 21, 22, 23};
  std::vector<float> prices{0.5F, 1.5F, 2.5F, 3.5F, 4.5F, 5.5F};
  FeatureColumns columns{{{"month", true, 30, true, true}, {"price", false, 0, true, false}},
                         {codes.data(), nullptr},
                         {nullptr, prices.data()}};
  std::vector<SequenceView> views{{0, items.data(), 2, 0, 0}, {1, items.data() + 2, 3, 1, 2}};
};

TEST(MakeBatch, PacksByStepWithTheLongestFirst) {
  const TwoSequences two;
  const Batch batch = make_batch(two.views, two.columns, {9, false});
  EXPECT_THAT(values<std::int64_t>(batch.batch_sizes), ElementsAre(2, 2, 1));
  EXPECT_THAT(values<std::int64_t>(batch.items), ElementsAre(4, 1, 5, 2, 4));
  EXPECT_THAT(values<std::int64_t>(batch.targets), ElementsAre(5, 2, 4, -1, -1));  // 9 is unknown
  EXPECT_EQ(batch.n_targets, 3);
  EXPECT_THAT(batch.sequences, ElementsAre(1, 0));
  EXPECT_THAT(batch.lengths, ElementsAre(3, 2));
  EXPECT_THAT(batch.last_positions(), ElementsAre(4, 3));
}

TEST(MakeBatch, ContextIsTheNextEventAndZeroWhereNoneMayBeRead) {
  const TwoSequences two;
  const Batch batch = make_batch(two.views, two.columns, {9, false});
  ASSERT_EQ(batch.history.size(), 1U);
  ASSERT_EQ(batch.context.size(), 2U);
  EXPECT_THAT(values<std::int64_t>(batch.history[0]), ElementsAre(20, 10, 21, 11, 22));
  EXPECT_THAT(values<std::int64_t>(batch.context[0]), ElementsAre(21, 11, 22, 0, 23));
  EXPECT_THAT(values<float>(batch.context[1]), ElementsAre(3.5F, 1.5F, 4.5F, 0.0F, 5.5F));
}

TEST(MakeBatch, ExamplesHaveAnAgeAWeightAndAreChosen) {
  TwoSequences two;
  const std::vector<std::int64_t> days{0, 1, 2, 3, 4, 12};
  std::vector<std::int64_t> times;
  for (const auto day : days) times.push_back(day * 86'400'000);
  const std::vector<float> rewards{9, 1, 9, 2, 4, 6};
  const std::vector<std::uint8_t> chosen{1, 0, 1};
  two.views[1].chosen = chosen.data();
  BatchOptions options{10, false};
  options.times_ms = times.data();
  options.training_end_ms = 10 * 86'400'000LL;
  options.rewards = rewards.data();
  options.mean_reward = 2;
  const Batch batch = make_batch(two.views, two.columns, options);
  EXPECT_THAT(values<std::int64_t>(batch.targets), ElementsAre(5, 2, -1, -1, 9));  // the second is not chosen
  EXPECT_EQ(batch.n_targets, 3);
  // Of the next event; an event after the end of training has no negative age; 0 where there is none.
  EXPECT_THAT(values<float>(batch.example_age), ElementsAre(7.0F, 9.0F, 6.0F, 0.0F, 0.0F));
  EXPECT_THAT(values<float>(batch.weights), ElementsAre(1.0F, 0.5F, 2.0F, 0.0F, 3.0F));
}

TEST(MakeBatch, VisitedItemsAreDistinctAndMostRecentFirst) {
  const TwoSequences two;
  const Batch batch = make_batch(two.views, two.columns, {9, true});
  EXPECT_THAT(values<std::int64_t>(batch.visited_offsets), ElementsAre(0, 1, 2, 4, 6, 8));
  EXPECT_THAT(values<std::int64_t>(batch.visited_items), ElementsAre(4, 1, 5, 4, 2, 1, 4, 5));
}

TEST(MakeBatch, RefusesEmptyRows) {
  TwoSequences two;
  EXPECT_THROW(make_batch({}, two.columns, {9, false}), std::invalid_argument);
  two.views[0].length = 0;
  EXPECT_THROW(make_batch(two.views, two.columns, {9, false}), std::invalid_argument);
}

}  // namespace
}  // namespace segue::batching
