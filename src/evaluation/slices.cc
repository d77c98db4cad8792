#include "evaluation/slices.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace segue::evaluation {
namespace {

/// 0 head, 1 middle, 2 tail: thirds of the training events, items sorted by falling count.
std::vector<std::uint8_t> popularity_third(const Dataset& dataset) {
  const auto counts = dataset.item_counts();
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
  const auto total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  std::vector<std::uint8_t> third(counts.size());
  std::int64_t before = 0;
  for (const auto item : order) {
    third[item] = static_cast<std::uint8_t>(total == 0 ? 2 : std::min<std::int64_t>(2, before * 3 / total));
    before += counts[item];
  }
  return third;
}

}  // namespace

std::vector<Slicing> make_slicings(const Dataset& dataset, const std::vector<ranking::Query>& queries) {
  constexpr std::array<std::int64_t, 6> kLengths = {1, 2, 4, 8, 16, 64};
  Slicing length{"history_length", {"1", "2-3", "4-7", "8-15", "16-63", "64+"}, {}};
  Slicing popularity{"popularity", {"head", "middle", "tail", "unseen in training"}, {}};
  Slicing revisit{"revisit", {"new item", "revisit"}, {}};
  const auto third = popularity_third(dataset);
  const auto items = dataset.item_rows();
  for (const auto& query : queries) {
    const auto n = query.position - query.begin;
    const auto bucket = std::upper_bound(kLengths.begin(), kLengths.end(), n) - kLengths.begin();
    length.slice_of.push_back(static_cast<std::uint8_t>(std::max<std::ptrdiff_t>(bucket - 1, 0)));
    const auto target = items[static_cast<std::size_t>(query.position)];
    popularity.slice_of.push_back(target >= dataset.n_items() ? std::uint8_t{3}
                                                              : third[static_cast<std::size_t>(target)]);
    const auto history = items.subspan(static_cast<std::size_t>(query.begin), static_cast<std::size_t>(n));
    // Unknown items share a row: whether one of them is a revisit cannot be told, so they count as new.
    const bool again = target < dataset.n_items() && std::find(history.begin(), history.end(), target) != history.end();
    revisit.slice_of.push_back(again ? 1 : 0);
  }
  return {length, popularity, revisit};
}

}  // namespace segue::evaluation
