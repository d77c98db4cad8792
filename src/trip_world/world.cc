#include "trip_world/world.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "support/random.h"

namespace segue::trip_world {
namespace {

constexpr double kRadian = std::numbers::pi / 180;
constexpr double kEarthRadiusKm = 6371.0;
constexpr std::uint64_t kWorldStream = 0x776f726c64;  // apart from the streams of trips

struct Vector {
  double x, y, z;
};

Vector position(const City& city) {
  const double latitude = city.latitude * kRadian, longitude = city.longitude * kRadian;
  return {std::cos(latitude) * std::cos(longitude), std::cos(latitude) * std::sin(longitude), std::sin(latitude)};
}

double dot(const Vector& a, const Vector& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

double celsius(int month, double latitude) {
  return 27 - 0.45 * std::abs(latitude) + 0.28 * latitude * std::cos(2 * std::numbers::pi * (month - 6) / 12.0);
}

double warmth(int style, double degrees) {
  const double best = kStyleParameters[at(style)].best_celsius;
  double liking = 0;
  switch (style) {
    case 0: liking = (degrees - best) / 8; break;  // beach: the warmer the better
    case 2:                                        // culture and nature: mild
    case 5: liking = -std::abs(degrees - best) / 8; break;
    case 4: liking = (best - degrees) / 8; break;  // winter: the colder the better
    default: break;
  }
  return std::clamp(liking, -2.0, 1.5);
}

World::World(std::uint64_t seed, std::vector<City> cities)
    : n_(static_cast<int>(cities.size())), cities_(std::move(cities)) {
  if (n_ < 8 || n_ > 30'000) throw std::invalid_argument("a world needs 8 to 30,000 cities");
  draw_tastes(seed);
  fill_base();
  fill_geography();
  fill_home();
}

void World::draw_tastes(std::uint64_t seed) {
  Random random(seed, kWorldStream);
  affinity_.resize(at(kStyles * n_));
  for (int s = 0; s < kStyles; ++s) {
    double sum = 0;
    for (int j = 0; j < n_; ++j) {
      const double fond = random.uniform() < kAffinityShare ? kAffinityGain : 0.0;
      sum += affinity_[at(s * n_ + j)] = fond + kAffinitySpread * random.normal();
    }
    for (int j = 0; j < n_; ++j) affinity_[at(s * n_ + j)] -= sum / n_;
  }
  double mean = 0, square = 0;
  for (const City& city : cities_) mean += std::log(city.population) / n_;
  for (const City& city : cities_) square += std::pow(std::log(city.population) - mean, 2) / n_;
  const double deviation = square > 0 ? std::sqrt(square) : 1.0;
  for (const City& city : cities_)
    log_popularity_.push_back(kPopulationWeight * (std::log(city.population) - mean) / deviation +
                              kFameSpread * random.normal());
}

void World::fill_base() {
  base_.reserve(at(kStyles * kMonths * n_));
  for (int s = 0; s < kStyles; ++s)
    for (int m = 0; m < kMonths; ++m)
      for (int j = 0; j < n_; ++j)
        base_.push_back(kAffinityWeight * affinity_[at(s * n_ + j)] + log_popularity_[at(j)] +
                        kStyleParameters[at(s)].season * warmth(s, celsius(m, cities_[at(j)].latitude)));
}

void World::fill_geography() {
  const std::size_t n = at(n_);
  std::vector<double> km(n * n);
  east_.assign(n * n, 0);
  north_.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const double latitude = cities_[i].latitude * kRadian, longitude = cities_[i].longitude * kRadian;
    const Vector east{-std::sin(longitude), std::cos(longitude), 0};
    const Vector north{-std::sin(latitude) * std::cos(longitude), -std::sin(latitude) * std::sin(longitude),
                       std::cos(latitude)};
    for (std::size_t j = 0; j < n; ++j) {
      km[i * n + j] = distance_km(cities_[i], cities_[j]);
      if (km[i * n + j] < 1) continue;  // no direction towards itself
      const Vector there = position(cities_[j]);
      const double e = dot(east, there), f = dot(north, there), length = std::max(std::hypot(e, f), 1e-9);
      east_[i * n + j] = e / length;
      north_[i * n + j] = f / length;
    }
  }
  step_.resize(at(kStyles) * n * n);
  for (std::size_t s = 0; s < kStyles; ++s)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        step_[(s * n + i) * n + j] =
            -km[i * n + j] / kStyleParameters[s].scale_km +
            (cities_[i].country == cities_[j].country ? kStyleParameters[s].same_country : 0.0) -
            (i == j ? kSelfPenalty : 0.0);
}

void World::fill_home() {
  for (const std::string_view country : kBookerNames) {
    Vector sum{0, 0, 0};
    for (const City& city : cities_) {
      if (city.country != country) continue;
      const Vector place = position(city);
      sum = {sum.x + place.x, sum.y + place.y, sum.z + place.z};
    }
    const double length = std::sqrt(dot(sum, sum));
    if (length == 0) throw std::invalid_argument("no city of " + std::string(country) + ", where travellers come from");
    for (const City& city : cities_) {
      const double cosine = std::clamp(dot(position(city), sum) / length, -1.0, 1.0);
      const double km = std::min(kEarthRadiusKm * std::acos(cosine), kHomeReachKm);
      home_km_.push_back(km);
      home_.push_back(kHomeWeight * (-km / kHomeScaleKm + (city.country == country ? kHomeCountry : 0.0)));
    }
  }
}

std::vector<double> World::first_logits(int style, int month, int booker) const {
  const auto taste = base(style, month), km = row(home_km_, booker);
  std::vector<double> logits(taste.size());
  for (std::size_t j = 0; j < logits.size(); ++j) logits[j] = taste[j] - km[j] / kFirstScaleKm;
  return logits;
}

Json World::description() const {
  Json json = {{"format", "segue trip world description"}, {"version", 1}};
  json["formula"] =
      "logit(next j) = affinity_weight affinity[s,j] + log_popularity[j] + season_s warmth_s(month of check-in, "
      "latitude_j)"
      " - km(i,j) / scale_s + same_country_s [same country] - self_penalty [j = i] + turn_s cos(h->i, i->j)"
      " + clip((leg - 2) / 6, 0, 1) home_weight (-min(km to home, home_reach_km) / home_scale_km + home_country [home])"
      " - seen_penalty per earlier visit; leg counts from 0";
  json["constants"] = {
      {"affinity_weight", kAffinityWeight}, {"self_penalty", kSelfPenalty},    {"seen_penalty", kSeenPenalty},
      {"home_weight", kHomeWeight},         {"home_scale_km", kHomeScaleKm},   {"home_reach_km", kHomeReachKm},
      {"home_country", kHomeCountry},       {"first_scale_km", kFirstScaleKm}, {"device_kept", kDeviceKept}};
  for (int s = 0; s < kStyles; ++s) {
    const StyleParameters& style = kStyleParameters[at(s)];
    const auto begin = affinity_.begin() + s * n_;
    json["styles"].push_back({{"name", style.name},
                              {"share", style.share},
                              {"scale_km", style.scale_km},
                              {"turn", style.turn},
                              {"same_country", style.same_country},
                              {"season", style.season},
                              {"best_celsius", style.best_celsius},
                              {"nights", style.nights},
                              {"devices", style.devices},
                              {"affinity", std::vector<double>(begin, begin + n_)}});
  }
  json["devices"] = kDeviceNames;
  json["bookers"] = kBookerNames;
  json["leg_shares"] = kLegShares;
  for (const City& city : cities_) json["cities"].push_back(city.id);
  json["log_popularity"] = log_popularity_;
  return json;
}

}  // namespace segue::trip_world
