#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dataset/dataset.h"
#include "support/random.h"

namespace segue::training {

/// A planted world of watching: users and items have taste vectors, items are born on a day and draw most eyes in their
/// first week, and an item is watched for a time of its own, which has nothing to do with how often it is chosen. All
/// probabilities are known:
///
///   P(item | user, day) ~ [born] exp(<taste of user, taste of item> + freshness exp(-age / 5 days))
class WatchWorld {
 public:
  static constexpr std::int32_t kItems = 240;
  static constexpr int kTastes = 3;
  static constexpr double kDays = 30, kFreshness = 3.0, kFreshDays = 5;

  /// @param taste  standard deviation of the numbers of a taste
  WatchWorld(int n_users, int events_a_user, double taste, std::uint64_t seed) : n_users_(n_users) {
    Random random(seed);
    for (std::int32_t item = 0; item < kItems; ++item) {
      // Half of them are there from the start, and old; the others come one by one.
      birth_.push_back(item % 2 == 0 ? -100 : kDays * static_cast<double>(item) / kItems);
      watch_minutes_.push_back(std::exp(0.5 * random.normal()));
    }
    items_ = normals(random, kItems * kTastes, taste);
    users_ = normals(random, n_users * kTastes, taste);
    for (int user = 0; user < n_users; ++user) {
      std::vector<double> days;
      for (int i = 0; i < events_a_user; ++i) days.push_back(kDays * random.uniform());
      std::sort(days.begin(), days.end());
      for (const double day : days) {
        const std::int32_t item = draw(probabilities(user, day), random);
        events_.item_rows.push_back(item);
        events_.times_ms.push_back(static_cast<std::int64_t>(day * 86'400'000.0));
        events_.rewards.push_back(static_cast<float>(watch_minutes(item) * (0.5 + random.uniform())));
      }
      events_.begins.push_back(static_cast<std::int64_t>(events_.item_rows.size()));
      events_.train_ends.push_back(events_.begins.back());
      events_.valid_ends.push_back(events_.begins.back());
    }
    events_.n_items = kItems;
  }

  [[nodiscard]] Dataset dataset() const { return Dataset::in_memory(events_); }
  [[nodiscard]] int n_users() const { return n_users_; }
  [[nodiscard]] double watch_minutes(std::int32_t item) const { return watch_minutes_[static_cast<std::size_t>(item)]; }
  /// Of a user's choice on a day, [kItems].
  [[nodiscard]] std::vector<double> probabilities(int user, double day) const {
    std::vector<double> p(kItems, 0.0);
    double total = 0;
    for (std::size_t item = 0; item < p.size(); ++item) {
      const double age = day - birth_[item];
      if (age < 0) continue;
      double logit = kFreshness * std::exp(-age / kFreshDays);
      for (std::size_t k = 0; k < kTastes; ++k)
        logit += users_[static_cast<std::size_t>(user) * kTastes + k] * items_[item * kTastes + k];
      total += p[item] = std::exp(logit);
    }
    for (double& value : p) value /= total;
    return p;
  }
  /// Of what a policy shows on the last day.
  [[nodiscard]] double share_younger_than(const std::vector<double>& policy, double days) const {
    double sum = 0;
    for (std::size_t item = 0; item < policy.size(); ++item) sum += kDays - birth_[item] < days ? policy[item] : 0;
    return sum;
  }
  [[nodiscard]] double mean_watch(const std::vector<double>& policy) const {
    double sum = 0;
    for (std::size_t item = 0; item < policy.size(); ++item) sum += policy[item] * watch_minutes_[item];
    return sum;
  }
  /// What a softmax weighted by watch time tends to: p w / sum.
  [[nodiscard]] std::vector<double> weighted(std::vector<double> p) const {
    double total = 0;
    for (std::size_t item = 0; item < p.size(); ++item) total += p[item] *= watch_minutes_[item];
    for (double& value : p) value /= total;
    return p;
  }

 private:
  static std::vector<double> normals(Random& random, std::int64_t n, double deviation) {
    std::vector<double> numbers;
    for (std::int64_t i = 0; i < n; ++i) numbers.push_back(deviation * random.normal());
    return numbers;
  }
  static std::int32_t draw(const std::vector<double>& p, Random& random) {
    double left = random.uniform();
    std::size_t item = 0;
    while (item + 1 < p.size() && left >= p[item]) left -= p[item++];
    while (p[item] == 0) --item;
    return static_cast<std::int32_t>(item);
  }

  int n_users_;
  std::vector<double> birth_, watch_minutes_, items_, users_;
  EventsInMemory events_;
};

}  // namespace segue::training
