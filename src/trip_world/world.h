#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "support/json.h"
#include "trip_world/city_table.h"
#include "trip_world/parameters.h"

namespace segue::trip_world {

/// The world that trips are drawn from: the formula's terms as tables. With i the current city, h the one before, m the
/// month of the next check-in, b the booker's country and t the leg to choose (0 = first),
///
///   logit(j | s) = base(s, m, j) + step(s, i, j) + turn_s cos(angle between h->i and i->j) + home_pull(t) home(b, j)
///                  - kSeenPenalty * (earlier visits to j)
///   base = kAffinityWeight affinity(s, j) + log_popularity(j) + season_s warmth_s(m, latitude_j)
///   step = -km(i, j) / scale_s + same_s [same country] - kSelfPenalty [j = i]
///   home = kHomeWeight (-min(km to home, kHomeReachKm) / kHomeScaleKm + kHomeCountry [home country])
///
/// and for the first city base(s, m, j) - min(km to home, kHomeReachKm) / kFirstScaleKm. Affinities and fame are drawn
/// by seed.
class World {
 public:
  World(std::uint64_t seed, std::vector<City> cities);

  [[nodiscard]] int n_cities() const { return n_; }
  [[nodiscard]] const std::vector<City>& cities() const { return cities_; }

  [[nodiscard]] std::span<const double> base(int style, int month) const { return row(base_, style * kMonths + month); }
  [[nodiscard]] std::span<const double> step(int style, int from) const { return row(step_, style * n_ + from); }
  [[nodiscard]] std::span<const double> home(int booker) const { return row(home_, booker); }
  /// Unit direction in which the way from city `from` to each other city sets out; zero towards itself.
  [[nodiscard]] std::span<const double> east(int from) const { return row(east_, from); }
  [[nodiscard]] std::span<const double> north(int from) const { return row(north_, from); }
  /// Logits of the first city.
  [[nodiscard]] std::vector<double> first_logits(int style, int month, int booker) const;

  /// Parameters and drawn values, enough to recompute every probability from the formula.
  [[nodiscard]] Json description() const;

 private:
  int n_;
  std::vector<City> cities_;
  std::vector<double> affinity_;        // [style, city]
  std::vector<double> log_popularity_;  // [city]
  std::vector<double> base_, step_, home_, home_km_, east_, north_;
  [[nodiscard]] std::span<const double> row(const std::vector<double>& table, int index) const {
    return std::span<const double>(table).subspan(static_cast<std::size_t>(index) * static_cast<std::size_t>(n_),
                                                  static_cast<std::size_t>(n_));
  }
  void draw_tastes(std::uint64_t seed);
  void fill_base();
  void fill_geography();
  void fill_home();
};

/// Rough temperature of a month (0 = January) at a latitude, degrees Celsius.
double celsius(int month, double latitude);
/// How much a style likes a temperature, in [-2, 1.5].
double warmth(int style, double celsius);

}  // namespace segue::trip_world
