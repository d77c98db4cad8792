// Golden values: numpy.linalg.solve in double.

#include "collaborative/alternating_least_squares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "baselines/training_events.h"
#include "collaborative/ials.h"
#include "support/errors.h"
#include "tests/collaborative/small_world.h"
#include "tests/events/reading.h"

namespace segue::collaborative {
namespace {

using baselines::SessionIndex;
using baselines::TrainingEvents;

constexpr IalsOptions kSmall = {.dim = 2, .unobserved_weight = 0.25, .l2 = 0.1, .l2_exponent = 0.5, .block_dim = 2};
const AlignedFloats kItems = {0.5F, -0.2F, 0.1F, 0.4F, -0.3F, 0.6F, 0.7F, 0.2F, 0.05F, -0.6F, 0.3F, 0.3F};

TEST(FactorEquations, SolveTheNormalEquations) {
  const auto gram = weighted_gram(kItems, 2, 0.25, 1);
  const std::vector<std::vector<ItemRow>> observed = {{0, 1, 2}, {0, 1}, {1, 2, 3}, {3, 4}, {0, 2, 4}, {0, 1, 2, 3}};
  const std::vector<double> expected = {0.6713017,  0.935429595,  0.924015212, 0.407463123,  0.494221316, 1.16460942,
                                        0.88472511, -0.574955697, 0.281154678, -0.089120078, 0.848571701, 0.996647374};
  FactorEquations equations(2, 2);
  for (std::size_t u = 0; u < observed.size(); ++u) {
    float w[2] = {7, -7};  // where it was does not matter
    const float l2 = penalty(kSmall, static_cast<std::int64_t>(observed[u].size()), 6);
    ASSERT_TRUE(equations.solve({kItems, gram}, observed[u], l2, w));
    EXPECT_NEAR(w[0], expected[2 * u], 1e-6);
    EXPECT_NEAR(w[1], expected[2 * u + 1], 1e-6);
  }
}

TEST(FactorEquations, BlocksConvergeToTheSameSolution) {
  Random random(3);
  AlignedFloats items(300 * 10);
  for (float& value : items) value = static_cast<float>(random.normal());
  const auto gram = weighted_gram(items, 10, 0.1, 1);
  std::vector<ItemRow> observed;
  for (ItemRow item = 0; item < 300; item += 2) observed.push_back(item);  // more than are gathered at a time
  std::vector<float> exact(10), blocks(10);
  ASSERT_TRUE(FactorEquations(10, 10).solve({items, gram}, observed, 3, exact.data()));
  FactorEquations in_blocks(10, 4);
  for (int sweep = 0; sweep < 30; ++sweep) ASSERT_TRUE(in_blocks.solve({items, gram}, observed, 3, blocks.data()));
  for (std::size_t d = 0; d < 10; ++d) EXPECT_NEAR(blocks[d], exact[d], 1e-5);
}

TEST(WeightedGram, TheSameBitsOnAnyNumberOfThreads) {
  Random random(3);
  AlignedFloats factors(1001 * 7);
  for (float& value : factors) value = static_cast<float>(random.normal());
  const auto one = weighted_gram(factors, 7, 0.5, 1);
  for (const int n_threads : {2, 3, 20}) EXPECT_EQ(weighted_gram(factors, 7, 0.5, n_threads), one);
  double sum = 0;
  for (std::size_t i = 0; i < 1001; ++i) sum += static_cast<double>(factors[i * 7 + 2]) * factors[i * 7 + 5];
  EXPECT_NEAR(one[2 * 7 + 5], 0.5 * sum, 1e-4);
  EXPECT_EQ(one[5 * 7 + 2], one[2 * 7 + 5]);
}

/// L pair by pair, in double.
double loss_by_definition(const AlternatingLeastSquares& als, const SessionIndex& index, std::size_t n_items,
                          const IalsOptions& o) {
  const auto dim = static_cast<std::size_t>(o.dim);
  const auto w = als.user_factors(), h = als.item_factors();
  double loss = 0;
  std::vector<double> n_users_of(n_items);
  for (std::size_t u = 0; u < index.n_sessions(); ++u) {
    for (std::size_t i = 0; i < n_items; ++i) {
      double score = 0;
      for (std::size_t d = 0; d < dim; ++d) score += static_cast<double>(w[u * dim + d]) * h[i * dim + d];
      loss += o.unobserved_weight * score * score;
      const auto items = index.items_of(u);
      if (std::find(items.begin(), items.end(), static_cast<ItemRow>(i)) == items.end()) continue;
      loss += (1 - score) * (1 - score);
      ++n_users_of[i];
    }
  }
  const auto add_penalty = [&](std::span<const float> factors, std::size_t row, double n_observed, double n_others) {
    for (std::size_t d = 0; d < dim; ++d) {
      loss += o.l2 * std::pow(n_observed + o.unobserved_weight * n_others, o.l2_exponent) *
              std::pow(static_cast<double>(factors[row * dim + d]), 2);
    }
  };
  for (std::size_t u = 0; u < index.n_sessions(); ++u)
    add_penalty(w, u, static_cast<double>(index.items_of(u).size()), static_cast<double>(n_items));
  for (std::size_t i = 0; i < n_items; ++i) add_penalty(h, i, n_users_of[i], static_cast<double>(index.n_sessions()));
  return loss;
}

class World : public testing::TestWithParam<std::int64_t> {
 protected:
  const Dataset dataset_ = two_clusters(60, 200, 9);
  const SessionIndex index_{TrainingEvents(dataset_, false)};
  IalsOptions options_ = {.dim = 12, .unobserved_weight = 0.05, .l2 = 0.01, .epochs = 4, .block_dim = GetParam()};
};

TEST_P(World, EveryHalfEpochLowersTheLoss) {
  AlternatingLeastSquares als(index_, 60, options_, 1, 2);
  double last = als.loss();
  EXPECT_NEAR(last, loss_by_definition(als, index_, 60, options_), 1e-5 * last);
  for (int epoch = 0; epoch < 4; ++epoch) {
    als.solve_users();
    EXPECT_LT(als.loss(), last);
    last = als.loss();
    als.solve_items();
    EXPECT_LT(als.loss(), last);
    last = als.loss();
    EXPECT_NEAR(last, loss_by_definition(als, index_, 60, options_), 1e-5 * last);
  }
}

TEST_P(World, TheSameBitsOnAnyNumberOfThreads) {
  AlternatingLeastSquares one(index_, 60, options_, 1, 1);
  one.solve_users(), one.solve_items(), one.solve_users();
  for (const int n_threads : {2, 3}) {
    AlternatingLeastSquares many(index_, 60, options_, 1, n_threads);
    many.solve_users(), many.solve_items(), many.solve_users();
    EXPECT_TRUE(std::equal(one.user_factors().begin(), one.user_factors().end(), many.user_factors().begin()));
    EXPECT_TRUE(std::equal(one.item_factors().begin(), one.item_factors().end(), many.item_factors().begin()));
    EXPECT_EQ(many.loss(), one.loss());
  }
}

INSTANTIATE_TEST_SUITE_P(BlockDims, World, testing::Values(1, 5, 12, 100));

TEST(AlternatingLeastSquares, ASeedOfItsOwn) {
  const Dataset dataset = two_clusters(20, 30, 9);
  const SessionIndex index(TrainingEvents(dataset, false));
  const IalsOptions options{.dim = 64, .init_std = 0.4};
  const AlternatingLeastSquares a(index, 20, options, 1, 1), again(index, 20, options, 1, 1),
      b(index, 20, options, 2, 1);
  EXPECT_TRUE(std::equal(a.item_factors().begin(), a.item_factors().end(), again.item_factors().begin()));
  EXPECT_FALSE(std::equal(a.item_factors().begin(), a.item_factors().end(), b.item_factors().begin()));
  double squares = 0;
  for (const float value : a.item_factors()) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(squares / 20, 0.4 * 0.4, 0.02);  // the mean squared length of 20 factors
}

TEST(Ials, FoldsAHistoryIn) {
  const IalsFilter filter(kSmall, 6, kItems);
  std::vector<float> vector(2);
  const std::span<const ItemRow> history(kHistory);
  filter.history_vectors({&history, 1}, vector);  // items 0 1 4
  EXPECT_NEAR(vector[0], 0.875728586, 1e-6);
  EXPECT_NEAR(vector[1], -0.301969329, 1e-6);
  const std::vector<double> expected = {0.498258159, -0.0332148731, -0.443900173,
                                        0.552616145, 0.224968027,   0.172127777};
  const auto scores = scores_of(filter, kHistory);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(scores[i], expected[i], 1e-6);
}

TEST(Ials, ATrainedUserFoldedInIsItself) {
  const Dataset dataset = two_clusters(60, 200, 9, 150);
  const SessionIndex index(TrainingEvents(dataset, false));
  const IalsOptions options{.dim = 12, .block_dim = 12};
  AlternatingLeastSquares als(index, 60, options, 1, 2);
  als.solve_users(), als.solve_items(), als.solve_users();
  const auto items = als.item_factors();
  const IalsFilter filter(options, 60, AlignedFloats(items.begin(), items.end()));
  std::vector<float> vector(12);
  for (std::size_t u = 0; u < index.n_sessions(); ++u) {
    const std::span<const ItemRow> history = index.items_of(u);
    filter.history_vectors({&history, 1}, vector);
    EXPECT_TRUE(
        std::equal(vector.begin(), vector.end(), als.user_factors().begin() + static_cast<std::ptrdiff_t>(12 * u)));
  }
}

TEST(Ials, TellsItsLossEveryEpochAndMayBeStopped) {
  const Dataset dataset = two_clusters(20, 50, 9);
  FitSettings settings;
  std::vector<double> losses;
  settings.on_step = [&](const FitStep& step) {
    EXPECT_EQ(step.what, "epochs");
    EXPECT_EQ(step.total, 9);
    EXPECT_EQ(step.done, static_cast<std::int64_t>(losses.size()) + 1);
    losses.push_back(step.loss.value());
    if (losses.size() == 3) throw Interrupted(2, "stop");
  };
  EXPECT_THROW(fit(IalsOptions{.dim = 4, .epochs = 9}, dataset, settings), Interrupted);
  ASSERT_EQ(losses.size(), 3U);
  EXPECT_GT(losses[0], losses[1]);
  EXPECT_GT(losses[1], losses[2]);
}

TEST(Ials, SaysThatItNeedsAPenalty) {
  // More dimensions than items, and nothing but the observed pairs.
  const IalsOptions options{.dim = 32, .unobserved_weight = 0, .l2 = 0, .epochs = 1};
  EXPECT_THAT(events::message_of<NumericError>([&] { small_scores(options); }), testing::HasSubstr("model.l2"));
}

}  // namespace
}  // namespace segue::collaborative
