#include "trip_world/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace segue::trip_world {
namespace {

constexpr int kBlock = 16;        // cities summed together before the search
constexpr float kNever = -80.0F;  // logit of the padding; its weight is set to zero

std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// e^x for |x| < 87 to about 2e-7 relative, by arithmetic alone: the compiler makes vectors of it, and every machine
/// and instruction set gives the same bits.
inline float exponential(float x) {
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float n = (x * 1.44269504F + kRounder) - kRounder;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.3888889e-3F;
  p = p * r + 8.3333333e-3F;
  p = p * r + 4.1666667e-2F;
  p = p * r + 1.6666667e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

std::vector<float> padded(int n_rows, int n, int width, float filling, const auto& row) {
  std::vector<float> table(at(n_rows) * at(width), filling);
  for (int r = 0; r < n_rows; ++r) {
    const std::span<const double> values = row(r);
    for (int j = 0; j < n; ++j) table[at(r) * at(width) + at(j)] = static_cast<float>(values[at(j)]);
  }
  return table;
}

template <std::size_t N>
int pick(const std::array<double, N>& shares, Random& random) {
  double left = random.uniform();
  for (std::size_t i = 0; i + 1 < N; ++i)
    if ((left -= shares[i]) < 0) return static_cast<int>(i);
  return static_cast<int>(N) - 1;
}

int draw_style(Random& random) {
  std::array<double, kStyles> shares{};
  for (std::size_t s = 0; s < shares.size(); ++s) shares[s] = kStyleParameters[s].share;
  return pick(shares, random);
}

int draw_booker(Random& random) {  // weights 12, 11, .. 1
  int left = static_cast<int>(random.below(kBookers * (kBookers + 1) / 2));
  for (int b = 0;; ++b)
    if ((left -= kBookers - b) < 0) return b;
}

int draw_affiliate(Random& random) {  // a few large ones and a tail; of no meaning for the choice
  const double u = random.uniform();
  return 100 + 37 * static_cast<int>(u * u * 40);
}

}  // namespace

Sampler::Sampler(const World& world) : n_(world.n_cities()), width_((world.n_cities() + kBlock - 1) / kBlock * kBlock) {
  base_ = padded(kStyles * kMonths, n_, width_, kNever, [&](int r) { return world.base(r / kMonths, r % kMonths); });
  step_ = padded(kStyles * n_, n_, width_, 0, [&](int r) { return world.step(r / n_, r % n_); });
  home_ = padded(kBookers, n_, width_, 0, [&](int r) { return world.home(r); });
  east_ = padded(n_, n_, width_, 0, [&](int r) { return world.east(r); });
  north_ = padded(n_, n_, width_, 0, [&](int r) { return world.north(r); });
  first_.resize(at(kStyles * kMonths * kBookers) * at(width_), 1.0F);
  for (int row = 0; row < kStyles * kMonths * kBookers; ++row) {
    std::vector<double> shares = world.first_logits(row / kBookers / kMonths, row / kBookers % kMonths, row % kBookers);
    for (double& share : shares) share = std::exp(share);
    std::partial_sum(shares.begin(), shares.end(), shares.begin());
    for (int j = 0; j < n_; ++j)
      first_[at(row) * at(width_) + at(j)] = static_cast<float>(shares[at(j)] / shares.back());
  }
}

Sampler::Scratch Sampler::scratch() const {
  return {std::vector<float>(at(width_)), std::vector<float>(at(width_ / kBlock))};
}

int Sampler::draw_first(int style, int month, int booker, Random& random) const {
  const auto begin =
      first_.begin() + static_cast<std::ptrdiff_t>((style * kMonths + month) * kBookers + booker) * width_;
  const auto found = std::upper_bound(begin, begin + n_, static_cast<float>(random.uniform()));
  return std::min(static_cast<int>(found - begin), n_ - 1);
}

int Sampler::draw_next(int style, const Trip& trip, int leg, int month, Random& random, Scratch& scratch) const {
  const int from = trip.city[at(leg - 1)], before = trip.city[at(leg > 1 ? leg - 2 : leg - 1)];
  const float* const base = base_.data() + at(style * kMonths + month) * at(width_);
  const float* const step = step_.data() + at(style * n_ + from) * at(width_);
  const float* const home = home_.data() + at(trip.booker) * at(width_);
  const float* const east = east_.data() + at(from) * at(width_);
  const float* const north = north_.data() + at(from) * at(width_);
  // The direction of arrival is the opposite of the way back; zero when there was no way.
  const float turn = static_cast<float>(kStyleParameters[at(style)].turn);
  const float heading_east = -turn * east[before], heading_north = -turn * north[before];
  const float pull = static_cast<float>(home_pull(leg));
  float* const weights = scratch.weights.data();
  for (int j = 0; j < width_; ++j)
    weights[j] = exponential(base[j] + step[j] + (heading_east * east[j] + heading_north * north[j]) + pull * home[j]);
  static const float seen = static_cast<float>(std::exp(-kSeenPenalty));
  for (int i = 0; i < leg; ++i) weights[trip.city[at(i)]] *= seen;
  std::fill(weights + n_, weights + width_, 0.0F);

  float total = 0;
  for (int block = 0; block < width_ / kBlock; ++block) {
    float lanes[4] = {};
    for (int j = 0; j < kBlock; ++j) lanes[j % 4] += weights[block * kBlock + j];
    scratch.block_sums[at(block)] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    total += scratch.block_sums[at(block)];
  }
  float left = static_cast<float>(random.uniform()) * total;
  int block = 0;
  while (block + 1 < width_ / kBlock && left >= scratch.block_sums[at(block)]) left -= scratch.block_sums[at(block++)];
  int j = block * kBlock;
  const int end = std::min(n_, j + kBlock);
  while (j + 1 < end && left >= weights[j]) left -= weights[j++];
  return j;
}

DrawnTrip Sampler::draw(Random& random, Scratch& scratch) const {
  DrawnTrip drawn;
  Trip& trip = drawn.trip;
  drawn.style = draw_style(random);
  const StyleParameters& style = kStyleParameters[at(drawn.style)];
  trip.booker = draw_booker(random);
  trip.affiliate = draw_affiliate(random);
  trip.n_legs = kMinLegs + pick(kLegShares, random);
  trip.start_day = static_cast<int>(random.below(kStartDays));
  int day = trip.start_day;
  for (int leg = 0; leg < trip.n_legs; ++leg) {
    const int month = month_of(day);
    const int city = leg == 0 ? draw_first(drawn.style, month, trip.booker, random)
                              : draw_next(drawn.style, trip, leg, month, random, scratch);
    const bool device_kept = leg > 0 && random.uniform() < kDeviceKept;
    trip.city[at(leg)] = static_cast<std::int16_t>(city);
    trip.device[at(leg)] =
        device_kept ? trip.device[at(leg - 1)] : static_cast<std::uint8_t>(pick(style.devices, random));
    trip.nights[at(leg)] = static_cast<std::int8_t>(1 + pick(style.nights, random));
    day += trip.nights[at(leg)];
  }
  return drawn;
}

}  // namespace segue::trip_world
