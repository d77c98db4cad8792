#pragma once

#include <memory>

#include "batching/batch.h"
#include "dataset/dataset.h"
#include "models/model.h"
#include "ranking/scorer.h"

namespace segue::models {

/// Scores a dataset's queries by a model: one forward a sequence for all of its queries, then the whole catalogue by
/// the defined score (kernels/top_k.h) plus the visited weights. Histories longer than `max_length` keep their latest
/// events. Of the event to predict nothing is read but its context features, and nothing of any later one.
///
/// A model on a CPU runs by its Inference, sequences side by side on `n_threads` threads: the score bits of a query
/// depend neither on the other queries of the call nor on the threads, and score() may be called from many threads at a
/// time. On another device it runs by ATen: one call at a time.
class ModelScorer : public ranking::Scorer {
 public:
  ModelScorer(Model& model, const Dataset& dataset, std::int64_t max_length, int n_threads);
  ~ModelScorer() override;
  [[nodiscard]] std::string name() const override;
  /// @throws std::invalid_argument  a query without a history or outside of the dataset; scores not [n_queries,
  /// n_items]
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override;
  void refresh();  ///< call after the parameters changed or moved to another device

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::models
