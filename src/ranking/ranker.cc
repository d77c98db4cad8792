#include "ranking/ranker.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/top_k.h"
#include "support/threads.h"

namespace segue::ranking {
namespace {

/// Place of the target in a row, from 1; 0 when it is no candidate. `place` is where the target stands in the row and
/// what stands before it wins a tie; a model (`pessimistic`) loses every tie.
struct Place {
  std::int64_t rank = 0;
  bool tied = false;
};

Place place_of(const float* row, std::int64_t n, std::int64_t place, bool pessimistic) {
  const float target = row[place];
  if (!(target > kernels::kMaskedScore)) return {};  // -inf or NaN
  std::int64_t above = 0, equal = 0, equal_before = 0;
  for (std::int64_t j = 0; j < n; ++j) above += row[j] > target ? 1 : 0;
  for (std::int64_t j = 0; j < n; ++j) equal += row[j] == target ? 1 : 0;
  for (std::int64_t j = 0; j < place; ++j) equal_before += row[j] == target ? 1 : 0;
  return {1 + above + (pessimistic ? equal - 1 : equal_before), equal > 1};
}

}  // namespace

void rank_all(const Dataset& dataset, Scorer& scorer, std::span<const Query> queries, const RankingProtocol& protocol,
              int n_threads, const std::function<void(const Ranking&)>& consume, std::int64_t block_queries) {
  if (protocol.max_k < 1 || block_queries < 1)
    throw std::invalid_argument("rank_all: max_k and block_queries must be positive");
  const std::int64_t n_items = dataset.n_items();
  const auto items = dataset.item_rows();
  const auto order = scorer.tie_order();
  if (!order.empty() && static_cast<std::int64_t>(order.size()) != n_items)
    throw std::invalid_argument("rank_all: tie_order of " + scorer.name() + " is not a permutation of the items");
  std::vector<std::int64_t> place_of_item(order.size());
  for (std::size_t place = 0; place < order.size(); ++place)
    place_of_item[static_cast<std::size_t>(order[place])] = static_cast<std::int64_t>(place);

  // A block of scores stays within 64 MB, whatever the catalogue.
  constexpr std::int64_t kBlockFloats = std::int64_t{1} << 24;
  const auto block = std::clamp<std::int64_t>(kBlockFloats / std::max<std::int64_t>(1, n_items), 1, block_queries);
  std::vector<float> scores(static_cast<std::size_t>(block * n_items)), permuted(order.empty() ? 0 : scores.size());
  std::vector<float> best(static_cast<std::size_t>(block * protocol.max_k));
  std::vector<std::int32_t> columns(best.size());
  std::vector<Place> places(static_cast<std::size_t>(block));

  const auto n_queries = static_cast<std::int64_t>(queries.size());
  for (std::int64_t first = 0; first < n_queries; first += block) {
    const auto n = std::min(block, n_queries - first);
    const auto asked = queries.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(n));
    scorer.score(asked, {scores.data(), n, n_items});
    float* ranked = order.empty() ? scores.data() : permuted.data();
    parallel_ranges(n, 8, n_threads, [&](std::int64_t begin, std::int64_t end, int) {
      for (auto i = begin; i < end; ++i) {
        const auto& query = asked[static_cast<std::size_t>(i)];
        const auto target = items[static_cast<std::size_t>(query.position)];
        float* row = scores.data() + i * n_items;
        if (protocol.hide_seen)
          for (auto p = query.begin; p < query.position; ++p) {
            const auto seen = items[static_cast<std::size_t>(p)];
            if (seen != target && seen < n_items) row[seen] = kernels::kMaskedScore;
          }
        if (!order.empty()) {
          for (std::int64_t j = 0; j < n_items; ++j)
            permuted[static_cast<std::size_t>(i * n_items + j)] = row[order[static_cast<std::size_t>(j)]];
          row = permuted.data() + i * n_items;
        }
        const bool known = target >= 0 && target < n_items;
        const auto place = !known ? 0 : order.empty() ? target : place_of_item[static_cast<std::size_t>(target)];
        places[static_cast<std::size_t>(i)] = known ? place_of(row, n_items, place, order.empty()) : Place{};
      }
    });
    kernels::Device device;
    device.n_threads = n_threads;
    kernels::select_top_k({ranked, n, n_items}, protocol.max_k, {best.data(), n, protocol.max_k},
                          {columns.data(), n, protocol.max_k}, device);
    if (!order.empty())
      for (std::int64_t i = 0; i < n * protocol.max_k; ++i)
        if (auto& column = columns[static_cast<std::size_t>(i)]; column >= 0)
          column = order[static_cast<std::size_t>(column)];
    for (std::int64_t i = 0; i < n; ++i) {
      Ranking ranking;
      ranking.query = &asked[static_cast<std::size_t>(i)];
      ranking.target = items[static_cast<std::size_t>(ranking.query->position)];
      ranking.rank = places[static_cast<std::size_t>(i)].rank;
      ranking.tied = places[static_cast<std::size_t>(i)].tied;
      ranking.items = {columns.data() + i * protocol.max_k, static_cast<std::size_t>(protocol.max_k)};
      ranking.scores = {best.data() + i * protocol.max_k, static_cast<std::size_t>(protocol.max_k)};
      consume(ranking);
    }
  }
}

}  // namespace segue::ranking
