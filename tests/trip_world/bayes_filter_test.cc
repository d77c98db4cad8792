#include "trip_world/bayes_filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <concepts>
#include <numeric>

#include "trip_world/sampler.h"

namespace segue::trip_world {
namespace {

// The filter cannot be given a style: it takes what is observed, and that holds none.
template <class T>
concept Predictable = requires(const BayesFilter& filter, const T& trip) {
  filter.predict_last(trip);
};
template <class T>
concept HasStyle = requires(const T& trip) {
  trip.style;
};
static_assert(Predictable<Trip> && !Predictable<DrawnTrip> && !HasStyle<Trip>);
static_assert(!std::convertible_to<DrawnTrip, Trip>);

class BayesFilterTest : public ::testing::Test {
 protected:
  World world_{7, built_in_cities()};
  BayesFilter filter_{world_};
  std::vector<DrawnTrip> draw(int n) {
    const Sampler sampler(world_);
    Random random(5);
    auto scratch = sampler.scratch();
    std::vector<DrawnTrip> trips;
    for (int i = 0; i < n; ++i) trips.push_back(sampler.draw(random, scratch));
    return trips;
  }
};

TEST_F(BayesFilterTest, GivesDistributions) {
  for (const DrawnTrip& drawn : draw(50)) {
    const auto prediction = filter_.predict_last(drawn.trip);
    for (const auto* p : {&prediction.serving, &prediction.challenge}) {
      EXPECT_NEAR(std::accumulate(p->begin(), p->end(), 0.0), 1, 1e-12);
      for (const double value : *p) EXPECT_GE(value, 0);
    }
  }
}

// Whatever is hidden from a profile must not move its prediction by a bit.
TEST_F(BayesFilterTest, ReadsOnlyWhatTheProfileSees) {
  int moved = 0;
  for (const DrawnTrip& drawn : draw(50)) {
    const auto last = static_cast<std::size_t>(drawn.trip.n_legs - 1);
    const auto before = filter_.predict_last(drawn.trip);
    Trip changed = drawn.trip;
    changed.city[last] = static_cast<std::int16_t>((changed.city[last] + 17) % world_.n_cities());
    changed.affiliate += 1;
    auto after = filter_.predict_last(changed);
    EXPECT_EQ(after.serving, before.serving);
    EXPECT_EQ(after.challenge, before.challenge);
    changed.nights[last] = static_cast<std::int8_t>(changed.nights[last] % kMaxNights + 1);
    after = filter_.predict_last(changed);
    EXPECT_EQ(after.serving, before.serving) << "serving does not know the stay of the leg to predict";
    moved += after.challenge != before.challenge;
  }
  EXPECT_GT(moved, 10) << "challenge does, wherever the style is not already certain";
}

// Over many trips the posterior of a style must be right as often as it says.
TEST_F(BayesFilterTest, PosteriorIsCalibrated) {
  double expected = 0, observed = 0, variance = 0;
  for (const DrawnTrip& drawn : draw(2000)) {
    const auto prediction = filter_.predict_last(drawn.trip);
    EXPECT_NEAR(std::accumulate(prediction.serving_posterior.begin(), prediction.serving_posterior.end(), 0.0), 1,
                1e-12);
    const auto best = std::max_element(prediction.serving_posterior.begin(), prediction.serving_posterior.end());
    expected += *best;
    variance += *best * (1 - *best);
    observed += best - prediction.serving_posterior.begin() == drawn.style;
  }
  EXPECT_NEAR(observed, expected, 3.5 * std::sqrt(variance));
  EXPECT_GT(expected / 2000, 0.9) << "the style is nearly known by the last leg";
}

// Stays alone: a trip of two styles' extremes moves the odds by the ratio of their shares, to the digit.
TEST_F(BayesFilterTest, OneMoreStayMovesTheOddsByItsLikelihood) {
  const Trip trip = draw(1)[0].trip;
  const auto prediction = filter_.predict_last(trip);
  const auto night = static_cast<std::size_t>(trip.nights[static_cast<std::size_t>(trip.n_legs - 1)] - 1);
  for (std::size_t s = 1; s < kStyles; ++s) {
    if (prediction.serving_posterior[s] < 1e-200) continue;
    const double serving = prediction.serving_posterior[s] / prediction.serving_posterior[0];
    const double challenge = prediction.challenge_posterior[s] / prediction.challenge_posterior[0];
    EXPECT_NEAR(challenge / serving / (kStyleParameters[s].nights[night] / kStyleParameters[0].nights[night]), 1, 1e-9);
  }
}

}  // namespace
}  // namespace segue::trip_world
