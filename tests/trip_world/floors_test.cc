// How far simple systems get in the trip world, in exact shares: the probability mass that Bayes gives to a system's
// four cities, over the mass of Bayes' own four.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <unordered_map>
#include <vector>

#include "trip_world/bayes_filter.h"
#include "trip_world/sampler.h"

namespace segue::trip_world {
namespace {

constexpr std::size_t kTrain = 100'000, kTest = 3'000;

std::vector<Trip> draw(const Sampler& sampler, std::size_t n, std::uint64_t stream) {
  Random random(1, stream);
  auto scratch = sampler.scratch();
  std::vector<Trip> trips(n);
  for (Trip& trip : trips) trip = sampler.draw(random, scratch).trip;
  return trips;
}

/// Mass of the four cities that `scores` puts first.
double mass_of_top4(const std::vector<double>& scores, const std::vector<double>& truth) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + 4, order.end(),
                    [&](auto a, auto b) { return scores[a] > scores[b]; });
  double mass = 0;
  for (int i = 0; i < 4; ++i) mass += truth[order[static_cast<std::size_t>(i)]];
  return mass;
}

/// Counts of cities after a context, shrunk towards `wider` with `strength` pseudo-counts.
class Counts {
 public:
  void add(std::size_t context, std::size_t city) { ++counts_[context][city]; }
  [[nodiscard]] std::vector<double> after(std::size_t context, std::vector<double> wider, double strength) const {
    double total = strength;
    for (double& value : wider) value *= strength;
    if (const auto found = counts_.find(context); found != counts_.end())
      for (const auto& [city, n] : found->second) wider[city] += n, total += n;
    for (double& value : wider) value /= total;
    return wider;
  }

 private:
  std::unordered_map<std::size_t, std::unordered_map<std::size_t, double>> counts_;
};

std::vector<double> without_visited(std::vector<double> scores, const Trip& trip) {
  for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(trip.n_legs); ++i)
    scores[static_cast<std::size_t>(trip.city[i])] *= 0.05;
  return scores;
}

TEST(Floors, StandWhereTheNotesSay) {
  const World world(7, built_in_cities());
  const Sampler sampler(world);
  const BayesFilter filter(world);
  const auto n = static_cast<std::size_t>(world.n_cities());
  const auto train = draw(sampler, kTrain, 100), test = draw(sampler, kTest, 200);

  std::vector<double> popularity(n, 1.0);
  Counts after_one, after_two;
  double revisits = 0, legs = 0;
  for (const Trip& trip : train)
    for (std::size_t i = 0; i < static_cast<std::size_t>(trip.n_legs); ++i) {
      const auto city = static_cast<std::size_t>(trip.city[i]);
      popularity[city] += 1;
      if (i > 0) after_one.add(static_cast<std::size_t>(trip.city[i - 1]), city);
      if (i > 1)
        after_two.add(static_cast<std::size_t>(trip.city[i - 2]) * n + static_cast<std::size_t>(trip.city[i - 1]),
                      city);
      legs += 1;
      revisits += std::find(trip.city.begin(), trip.city.begin() + static_cast<std::ptrdiff_t>(i), trip.city[i]) !=
                  trip.city.begin() + static_cast<std::ptrdiff_t>(i);
    }
  const double total = std::accumulate(popularity.begin(), popularity.end(), 0.0);
  for (double& share : popularity) share /= total;

  double bayes = 0, popular = 0, first = 0, first_seen = 0, second = 0, second_seen = 0, posterior = 0;
  for (const Trip& trip : test) {
    const auto last = static_cast<std::size_t>(trip.n_legs - 1);
    const auto here = static_cast<std::size_t>(trip.city[last - 1]),
               before = static_cast<std::size_t>(trip.city[last - 2]);
    const auto best = filter.predict_last(trip);
    const auto one = after_one.after(here, popularity, 20), two = after_two.after(before * n + here, one, 30);
    bayes += mass_of_top4(best.serving, best.serving);
    popular += mass_of_top4(popularity, best.serving);
    first += mass_of_top4(one, best.serving);
    first_seen += mass_of_top4(without_visited(one, trip), best.serving);
    second += mass_of_top4(two, best.serving);
    second_seen += mass_of_top4(without_visited(two, trip), best.serving);
    posterior += *std::max_element(best.serving_posterior.begin(), best.serving_posterior.end());
  }
  std::printf("expected hit_rate@4 of Bayes %.4f; certainty of the style %.3f; revisits %.3f\n", bayes / kTest,
              posterior / kTest, revisits / legs);
  std::printf("exact shares: popularity %.3f, Markov %.3f / %.3f (visited marked down), second order %.3f / %.3f\n",
              popular / bayes, first / bayes, first_seen / bayes, second / bayes, second_seen / bayes);

  EXPECT_GT(bayes / kTest, 0.50);
  EXPECT_LT(bayes / kTest, 0.57);
  EXPECT_LT(popular / bayes, 0.30);
  EXPECT_LT(first / bayes, 0.72) << "a first-order Markov chain must stay clearly below the best reachable";
  EXPECT_GT(first / bayes, 0.50);
  EXPECT_LT(second_seen / bayes, 0.88);
  EXPECT_LT(revisits / legs, 0.10) << "no back and forth";
}

}  // namespace
}  // namespace segue::trip_world
