#pragma once

#include <array>
#include <vector>

#include "trip_world/trip.h"
#include "trip_world/world.h"

namespace segue::trip_world {

/// What a model may see of the leg to predict, besides the booker's country and all that the rows of earlier legs say.
enum class Profile {
  kServing,    ///< its check-in date and device: what a request holds
  kChallenge,  ///< besides them its length of stay (and the trip's length, which tells nothing)
};

/// The best reachable prediction: P(city of a leg | what the profile sees), the six styles' distributions mixed by
/// their exact posterior. Takes trips without their styles. Independent of the sampler's arithmetic: double precision,
/// the tables of World.
class BayesFilter {
 public:
  explicit BayesFilter(const World& world) : world_(world) {}

  struct Prediction {
    std::vector<double> serving, challenge;  ///< [n_cities], each sums to 1
    std::array<double, kStyles> serving_posterior{}, challenge_posterior{};
  };
  /// Of the last leg. Its city is not read. Cost: kStyles * n_cities exponentials a leg.
  [[nodiscard]] Prediction predict_last(const Trip& trip) const;

 private:
  const World& world_;
  using Distributions = std::array<std::vector<double>, kStyles>;
  void next_city(const Trip& trip, int leg, Distributions& distributions) const;
};

}  // namespace segue::trip_world
