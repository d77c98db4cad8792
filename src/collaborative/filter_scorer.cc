#include "collaborative/filter_scorer.h"

#include <stdexcept>
#include <vector>

namespace segue::collaborative {

FilterScorer::FilterScorer(const Filter& filter, const Dataset& dataset, int n_threads)
    : filter_(filter), item_rows_(dataset.item_rows()), n_threads_(n_threads) {
  if (filter.n_items() != dataset.n_items()) {
    throw std::invalid_argument("FilterScorer: a filter of " + std::to_string(filter.n_items()) +
                                " items on a dataset of " + std::to_string(dataset.n_items()));
  }
}

void FilterScorer::score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) {
  std::vector<std::span<const ItemRow>> histories;
  histories.reserve(queries.size());
  for (const ranking::Query& query : queries) {
    histories.push_back(item_rows_.subspan(static_cast<std::size_t>(query.begin),
                                           static_cast<std::size_t>(query.position - query.begin)));
  }
  filter_.score_all(histories, scores, n_threads_);
}

}  // namespace segue::collaborative
