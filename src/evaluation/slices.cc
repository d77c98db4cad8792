#include "evaluation/slices.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

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

/// Numbers from 1, by size.
class SizeSlicing {
 public:
  explicit SizeSlicing(std::string name) : slicing_{std::move(name), {"1", "2-3", "4-7", "8-15", "16-63", "64+"}, {}} {}
  void add(std::int64_t n) {
    constexpr std::array<std::int64_t, 6> kSizes = {1, 2, 4, 8, 16, 64};
    const auto bucket = std::upper_bound(kSizes.begin(), kSizes.end(), n) - kSizes.begin();
    slicing_.slice_of.push_back(static_cast<std::uint8_t>(std::max<std::ptrdiff_t>(bucket - 1, 0)));
  }
  [[nodiscard]] const Slicing& slicing() const { return slicing_; }

 private:
  Slicing slicing_;
};

Slicing by_history_length(const std::vector<ranking::Query>& queries) {
  SizeSlicing sizes("history_length");
  for (const auto& query : queries) sizes.add(query.position - query.begin);
  return sizes.slicing();
}

Slicing by_relevant_items(const Dataset& dataset, const ranking::RankingProtocol& protocol,
                          const std::vector<ranking::Query>& queries) {
  SizeSlicing sizes("relevant_items");
  ranking::Targets targets;
  for (const auto& query : queries) {
    ranking::find_targets(dataset, protocol, query, targets);
    sizes.add(targets.size());
  }
  return sizes.slicing();
}

Slicing by_popularity(const Dataset& dataset, const std::vector<ranking::Query>& queries) {
  Slicing slicing{"popularity", {"head", "middle", "tail", "unseen in training"}, {}};
  const auto third = popularity_third(dataset);
  for (const auto& query : queries) {
    const auto target = dataset.item_rows()[static_cast<std::size_t>(query.position)];
    slicing.slice_of.push_back(target >= dataset.n_items() ? std::uint8_t{3} : third[static_cast<std::size_t>(target)]);
  }
  return slicing;
}

Slicing by_revisit(const Dataset& dataset, const std::vector<ranking::Query>& queries) {
  Slicing slicing{"revisit", {"new item", "revisit"}, {}};
  const auto items = dataset.item_rows();
  for (const auto& query : queries) {
    const auto target = items[static_cast<std::size_t>(query.position)];
    const auto history =
        items.subspan(static_cast<std::size_t>(query.begin), static_cast<std::size_t>(query.position - query.begin));
    // Unknown items share a row: whether one of them is a revisit cannot be told, so they count as new.
    const bool again = target < dataset.n_items() && std::find(history.begin(), history.end(), target) != history.end();
    slicing.slice_of.push_back(again ? 1 : 0);
  }
  return slicing;
}

}  // namespace

std::vector<Slicing> make_slicings(const Dataset& dataset, const ranking::RankingProtocol& protocol,
                                   const std::vector<ranking::Query>& queries) {
  if (protocol.positions == ranking::Positions::kRest)
    return {by_history_length(queries), by_relevant_items(dataset, protocol, queries)};
  return {by_history_length(queries), by_popularity(dataset, queries), by_revisit(dataset, queries)};
}

}  // namespace segue::evaluation
