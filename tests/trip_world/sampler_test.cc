#include "trip_world/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "trip_world/bayes_filter.h"

namespace segue::trip_world {
namespace {

std::vector<DrawnTrip> draw(const World& world, int n) {
  const Sampler sampler(world);
  Random random(3, 9);
  auto scratch = sampler.scratch();
  std::vector<DrawnTrip> trips;
  for (int i = 0; i < n; ++i) trips.push_back(sampler.draw(random, scratch));
  return trips;
}

const World& world() {
  static const World built(7, built_in_cities());
  return built;
}

const std::vector<DrawnTrip>& trips() {
  static const auto drawn = draw(world(), 60'000);
  return drawn;
}

/// |observed share - p| within 5 standard errors.
void expect_share(double hits, double n, double p, const std::string& what) {
  EXPECT_NEAR(hits / n, p, 5 * std::sqrt(p * (1 - p) / n)) << what;
}

TEST(Sampler, DrawsStylesNightsDevicesAndLengthsByTheirShares) {
  std::map<int, double> styles, lengths, bookers;
  double nights[kStyles][kMaxNights] = {}, devices[kStyles][kDevices] = {}, legs[kStyles] = {};
  for (const DrawnTrip& drawn : trips()) {
    ++styles[drawn.style];
    ++lengths[drawn.trip.n_legs];
    ++bookers[drawn.trip.booker];
    ++devices[drawn.style][drawn.trip.device[0]];
    for (int leg = 0; leg < drawn.trip.n_legs; ++leg) {
      ++nights[drawn.style][drawn.trip.nights[static_cast<std::size_t>(leg)] - 1];
      ++legs[drawn.style];
    }
  }
  const auto n = static_cast<double>(trips().size());
  double share_sum = 0, length_sum = 0;
  for (std::size_t s = 0; s < kStyles; ++s) {
    const StyleParameters& style = kStyleParameters[s];
    share_sum += style.share;
    expect_share(styles[static_cast<int>(s)], n, style.share, std::string(style.name));
    for (std::size_t i = 0; i < kMaxNights; ++i)
      expect_share(nights[s][i], legs[s], style.nights[i], std::string(style.name) + " nights");
    for (std::size_t i = 0; i < kDevices; ++i)
      expect_share(devices[s][i], styles[static_cast<int>(s)], style.devices[i], std::string(style.name) + " device");
  }
  for (std::size_t i = 0; i < kLegShares.size(); ++i) {
    length_sum += kLegShares[i];
    expect_share(lengths[kMinLegs + static_cast<int>(i)], n, kLegShares[i], "legs");
  }
  for (int b = 0; b < kBookers; ++b)
    expect_share(bookers[b], n, (kBookers - b) / 78.0, std::string(kBookerNames[static_cast<std::size_t>(b)]));
  EXPECT_NEAR(share_sum, 1, 1e-12);
  EXPECT_NEAR(length_sum, 1, 1e-12);
}

// The filter computes in double from the formula, the sampler in float with its own exponential: every next city,
// binned by the probability that the filter gave it, must come as often as stated.
TEST(Sampler, DrawsCitiesAsOftenAsTheFilterSays) {
  const BayesFilter filter(world());
  constexpr int kBins = 20;
  double expected[kBins] = {}, observed[kBins] = {}, variance[kBins] = {};
  for (std::size_t i = 0; i < 4000; ++i) {
    const Trip& trip = trips()[i].trip;
    const auto prediction = filter.predict_last(trip);
    const auto target = static_cast<std::size_t>(trip.city[static_cast<std::size_t>(trip.n_legs - 1)]);
    for (std::size_t j = 0; j < prediction.serving.size(); ++j) {
      const double p = prediction.serving[j];
      const auto bin = std::min<std::size_t>(kBins - 1, static_cast<std::size_t>(p * kBins * 2));
      expected[bin] += p;
      variance[bin] += p * (1 - p);
      observed[bin] += j == target;
    }
  }
  for (int bin = 0; bin < kBins; ++bin)
    EXPECT_NEAR(observed[bin], expected[bin], 4 * std::sqrt(variance[bin]) + 1e-9) << "bin " << bin;
}

// Keeping the direction is rewarded, going back is not: a wrong sign would turn this round.
TEST(Sampler, GoesOnRatherThanBack) {
  double cosine[kStyles] = {}, n[kStyles] = {};
  for (const DrawnTrip& drawn : trips())
    for (std::size_t leg = 2; leg < static_cast<std::size_t>(drawn.trip.n_legs); ++leg) {
      const int before = drawn.trip.city[leg - 2], here = drawn.trip.city[leg - 1], next = drawn.trip.city[leg];
      if (before == here || here == next || before == next) continue;
      const auto east = world().east(here), north = world().north(here);
      const auto b = static_cast<std::size_t>(before), j = static_cast<std::size_t>(next);
      cosine[drawn.style] -= east[b] * east[j] + north[b] * north[j];
      n[drawn.style] += 1;
    }
  const double culture = cosine[2] / n[2], business = cosine[3] / n[3];
  EXPECT_GT(culture, business + 0.1) << "turn is .6 for culture and 0 for business";
}

TEST(Sampler, BeachTravellersGoWhereItIsWarm) {
  double warm[kStyles] = {}, legs[kStyles] = {};
  for (const DrawnTrip& drawn : trips())
    for (int leg = 0; leg < drawn.trip.n_legs; ++leg) {
      const auto city = static_cast<std::size_t>(drawn.trip.city[static_cast<std::size_t>(leg)]);
      warm[drawn.style] += celsius(month_of(drawn.trip.check_in(leg)), world().cities()[city].latitude);
      legs[drawn.style] += 1;
    }
  EXPECT_GT(warm[0] / legs[0], warm[4] / legs[4] + 5);
}

}  // namespace
}  // namespace segue::trip_world
