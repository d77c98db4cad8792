#pragma once

#include <array>
#include <string_view>

#include "trip_world/trip.h"

namespace segue::trip_world {

inline constexpr int kStyles = 6, kMonths = 12, kBookers = 12, kDevices = 3, kMaxNights = 4;

/// What a hidden style does to a trip. Distances in km; all else in logits or shares.
struct StyleParameters {
  std::string_view name;
  double share;                           ///< of travellers
  double scale_km;                        ///< distance that costs one logit
  double turn;                            ///< for keeping the direction
  double same_country;                    ///< for staying in the country
  double season;                          ///< times warmth(month, latitude)
  double best_celsius;                    ///< the temperature that the style likes (see World)
  std::array<double, kMaxNights> nights;  ///< P(1), P(2), ... nights
  std::array<double, kDevices> devices;   ///< P(desktop), ...
};

inline constexpr std::array<StyleParameters, kStyles> kStyleParameters = {{
    {"beach", .22, 1200, .2, .8, 1.2, 18, {.20, .27, .28, .25}, {.35, .50, .15}},
    {"city", .22, 2000, .2, .2, 0.0, 0, {.28, .34, .23, .15}, {.40, .50, .10}},
    {"culture", .18, 900, .6, .8, 0.2, 18, {.27, .33, .24, .16}, {.50, .35, .15}},
    {"business", .12, 3000, .0, .0, 0.0, 0, {.42, .30, .17, .11}, {.65, .30, .05}},
    {"winter", .10, 1000, .3, .8, 1.4, 3, {.18, .27, .28, .27}, {.40, .45, .15}},
    {"nature", .16, 800, .6, 1., 0.6, 16, {.30, .32, .23, .15}, {.45, .40, .15}},
}};

inline constexpr std::array<std::string_view, kDevices> kDeviceNames = {"desktop", "mobile", "tablet"};
inline constexpr double kDeviceKept = 0.8;  ///< P(same device as for the leg before); otherwise drawn anew by style

/// Countries that travellers come from, the most frequent first: weights 12, 11, .. 1.
inline constexpr std::array<std::string_view, kBookers> kBookerNames = {
    "Germany",     "United Kingdom", "France", "Italy",  "United States", "Spain",
    "Netherlands", "Poland",         "Japan",  "Sweden", "Australia",     "Brazil"};

/// P(4 legs), P(5), .. P(12): independent of everything else.
inline constexpr std::array<double, kMaxLegs - kMinLegs + 1> kLegShares = {.28, .21, .15, .11, .09, .06, .04, .03, .03};

inline constexpr double kAffinityWeight = 3.8;    ///< logits per unit of affinity
inline constexpr double kAffinityShare = 0.3;     ///< of cities that a style is fond of
inline constexpr double kAffinityGain = 1.6;      ///< affinity of those
inline constexpr double kAffinitySpread = 0.3;    ///< standard deviation on top
inline constexpr double kPopulationWeight = 0.5;  ///< of the standardised log population in log popularity
inline constexpr double kFameSpread = 0.85;       ///< standard deviation of the rest of log popularity
inline constexpr double kSelfPenalty = 1.0;       ///< for staying in the same city
inline constexpr double kSeenPenalty = 3.0;       ///< per earlier visit
inline constexpr double kHomeWeight = 0.8;        ///< of the pull home late in a trip
inline constexpr double kHomeScaleKm = 1500, kHomeReachKm = 6000, kHomeCountry = 0.5;
inline constexpr double kFirstScaleKm = 2500;  ///< of the distance between home and the first city

/// How strongly home pulls at leg `leg` (0 = first): clip((leg - 2) / 6, 0, 1).
constexpr double home_pull(int leg) {
  const double pull = (leg - 2) / 6.0;
  return pull < 0 ? 0 : pull > 1 ? 1 : pull;
}

}  // namespace segue::trip_world
