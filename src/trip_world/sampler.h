#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/random.h"
#include "trip_world/trip.h"
#include "trip_world/world.h"

namespace segue::trip_world {

/// Draws trips from a world. Single-precision copies of its tables, one fused exponential per city and leg: about 1 us
/// a leg. One object serves many threads; each thread brings its own Random and Scratch.
class Sampler {
 public:
  explicit Sampler(const World& world);

  /// Working memory of one thread.
  struct Scratch {
    std::vector<float> weights, block_sums;
  };
  [[nodiscard]] Scratch scratch() const;
  [[nodiscard]] DrawnTrip draw(Random& random, Scratch& scratch) const;

 private:
  int n_, width_;                          // cities; rows are padded to whole blocks
  std::vector<float> base_, step_, home_;  // as World's, padded with kNever
  std::vector<float> east_, north_;
  std::vector<float> first_;  // [style, month, booker, width]: running sums of P(first city)
  [[nodiscard]] int draw_first(int style, int month, int booker, Random& random) const;
  [[nodiscard]] int draw_next(int style, const Trip& trip, int leg, int month, Random& random, Scratch& scratch) const;
};

}  // namespace segue::trip_world
