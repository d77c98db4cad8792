#include "ranking/target_ranks.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace segue::ranking {
namespace {

bool can_rank(float score) { return !std::isnan(score) && score != -std::numeric_limits<float>::infinity(); }

struct Counts {
  std::int64_t above = 0, equal = 0;
};

Counts count(std::span<const float> scores, float score) {
  std::int32_t above = 0, equal = 0;  // as wide as a score, and so vectorised; items are fewer than 2^31
  for (const float other : scores) {
    above += other > score ? 1 : 0;
    equal += other == score ? 1 : 0;
  }
  return {above, equal};
}

void rank_one(std::span<const float> scores, std::size_t place, bool tie_ordered, TargetRanks& found) {
  const float score = scores[place];
  if (!can_rank(score)) return;
  const Counts before = count(scores.first(place), score), after = count(scores.subspan(place + 1), score);
  found.ranks.push_back(1 + before.above + after.above + before.equal + (tie_ordered ? 0 : after.equal));
  found.tied = before.equal + after.equal > 0;
}

struct Target {
  float score;
  std::size_t place;
};

bool goes_before(const Target& a, const Target& b) {
  return a.score != b.score ? a.score > b.score : a.place < b.place;
}

/// Those that can rank, best first.
std::vector<Target> sorted_targets(std::span<const float> scores, std::span<const std::size_t> places) {
  std::vector<Target> targets;
  for (const std::size_t place : places)
    if (can_rank(scores[place])) targets.push_back({scores[place], place});
  std::sort(targets.begin(), targets.end(), goes_before);
  return targets;
}

void rank_set(std::span<const float> scores, std::span<const std::size_t> places, bool tie_ordered,
              TargetRanks& found) {
  const std::vector<Target> targets = sorted_targets(scores, places);
  if (targets.empty()) return;
  std::vector<std::int64_t> n_between(targets.size() + 1);  // before target i, but not before target i - 1
  const float lowest = targets.back().score;
  for (std::size_t place = 0; place < scores.size(); ++place) {
    const float score = scores[place];
    if (!(score >= lowest)) continue;  // which leaves out NaN
    auto next = std::lower_bound(targets.begin(), targets.end(), score,
                                 [](const Target& target, float value) { return target.score > value; });
    if (next->score == score) {
      const auto later = std::upper_bound(next, targets.end(), Target{score, place}, goes_before);
      const bool is_target = later != next && std::prev(later)->place == place;
      if (!is_target) found.tied = true;
      if (is_target || tie_ordered) next = later;
    }
    ++n_between[static_cast<std::size_t>(next - targets.begin())];
  }
  std::int64_t rank = 1;
  for (std::size_t i = 0; i < targets.size(); ++i) found.ranks.push_back(rank += n_between[i]);
}

}  // namespace

void rank_targets(std::span<const float> scores, std::span<const std::size_t> places, bool tie_ordered,
                  TargetRanks& found) {
  found.ranks.clear();
  found.tied = false;
  if (places.size() == 1)
    rank_one(scores, places.front(), tie_ordered, found);
  else
    rank_set(scores, places, tie_ordered, found);
}

}  // namespace segue::ranking
