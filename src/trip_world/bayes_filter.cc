#include "trip_world/bayes_filter.h"

#include <algorithm>
#include <cmath>

namespace segue::trip_world {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

std::array<double, kStyles> normalised(std::array<double, kStyles> log_weights) {
  const double highest = *std::max_element(log_weights.begin(), log_weights.end());
  double sum = 0;
  for (double& weight : log_weights) sum += weight = std::exp(weight - highest);
  for (double& weight : log_weights) weight /= sum;
  return log_weights;
}

void softmax(std::vector<double>& logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double& logit : logits) sum += logit = std::exp(logit - highest);
  for (double& logit : logits) logit /= sum;
}

double log_night_share(const StyleParameters& style, int nights) { return std::log(style.nights[at(nights - 1)]); }

double log_device_share(const StyleParameters& style, const Trip& trip, int leg) {
  const double fresh = style.devices[at(trip.device[at(leg)])];
  if (leg == 0) return std::log(fresh);
  const bool same = trip.device[at(leg)] == trip.device[at(leg - 1)];
  return std::log((same ? kDeviceKept : 0.0) + (1 - kDeviceKept) * fresh);
}

}  // namespace

void BayesFilter::next_city(const Trip& trip, int leg, Distributions& distributions) const {
  const int month = month_of(trip.check_in(leg));
  if (leg == 0) {
    for (int s = 0; s < kStyles; ++s) {
      distributions[at(s)] = world_.first_logits(s, month, trip.booker);
      softmax(distributions[at(s)]);
    }
    return;
  }
  const std::size_t n = at(world_.n_cities());
  const int from = trip.city[at(leg - 1)];
  const auto east = world_.east(from), north = world_.north(from), home = world_.home(trip.booker);
  std::vector<double> cosine(n, 0.0), shared(n);
  if (leg > 1) {
    const std::size_t before = at(trip.city[at(leg - 2)]);
    for (std::size_t j = 0; j < n; ++j) cosine[j] = -(east[before] * east[j] + north[before] * north[j]);
  }
  const double pull = home_pull(leg);
  for (std::size_t j = 0; j < n; ++j) shared[j] = pull * home[j];
  for (int i = 0; i < leg; ++i) shared[at(trip.city[at(i)])] -= kSeenPenalty;
  for (int s = 0; s < kStyles; ++s) {
    const auto base = world_.base(s, month), step = world_.step(s, from);
    const double turn = kStyleParameters[at(s)].turn;
    std::vector<double>& logits = distributions[at(s)];
    logits.resize(n);
    for (std::size_t j = 0; j < n; ++j) logits[j] = base[j] + step[j] + turn * cosine[j] + shared[j];
    softmax(logits);
  }
}

BayesFilter::Prediction BayesFilter::predict_last(const Trip& trip) const {
  Distributions cities;
  std::array<double, kStyles> log_weights{};
  for (int s = 0; s < kStyles; ++s) log_weights[at(s)] = std::log(kStyleParameters[at(s)].share);
  const int last = trip.n_legs - 1;
  for (int leg = 0; leg < last; ++leg) {
    next_city(trip, leg, cities);
    for (int s = 0; s < kStyles; ++s)
      log_weights[at(s)] += std::log(cities[at(s)][at(trip.city[at(leg)])]) +
                            log_night_share(kStyleParameters[at(s)], trip.nights[at(leg)]) +
                            log_device_share(kStyleParameters[at(s)], trip, leg);
  }
  for (int s = 0; s < kStyles; ++s) log_weights[at(s)] += log_device_share(kStyleParameters[at(s)], trip, last);

  Prediction prediction;
  prediction.serving_posterior = normalised(log_weights);
  for (int s = 0; s < kStyles; ++s)
    log_weights[at(s)] += log_night_share(kStyleParameters[at(s)], trip.nights[at(last)]);
  prediction.challenge_posterior = normalised(log_weights);

  next_city(trip, last, cities);
  prediction.serving.assign(at(world_.n_cities()), 0.0);
  prediction.challenge.assign(at(world_.n_cities()), 0.0);
  for (std::size_t s = 0; s < kStyles; ++s)
    for (std::size_t j = 0; j < prediction.serving.size(); ++j) {
      prediction.serving[j] += prediction.serving_posterior[s] * cities[s][j];
      prediction.challenge[j] += prediction.challenge_posterior[s] * cities[s][j];
    }
  return prediction;
}

}  // namespace segue::trip_world
