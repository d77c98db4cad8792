#pragma once

#include <span>
#include <string>

#include "collaborative/filter.h"
#include "dataset/dataset.h"
#include "ranking/scorer.h"

namespace segue::collaborative {

/// A filter on the queries of a dataset: the history of a query is every event before its position. Ties are those of a
/// model: they rank the target last.
class FilterScorer : public ranking::Scorer {
 public:
  /// @param filter, dataset  must outlive the scorer
  /// @throws std::invalid_argument  a dataset of another number of items
  FilterScorer(const Filter& filter, const Dataset& dataset, int n_threads);
  [[nodiscard]] std::string name() const override { return filter_.kind(); }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override;

 private:
  const Filter& filter_;
  std::span<const ItemRow> item_rows_;
  int n_threads_;
};

}  // namespace segue::collaborative
