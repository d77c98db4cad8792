#pragma once

#include <memory>

#include "batching/batch.h"
#include "dataset/dataset.h"
#include "models/gru_session.h"
#include "ranking/scorer.h"

namespace segue::models {

/// Scores a dataset's queries by a model: one forward a sequence for all of its queries, then the whole catalogue by
/// the defined score (kernels/top_k.h) plus the visited weights. Histories longer than `max_length` keep their latest
/// events.
class ModelScorer : public ranking::Scorer {
 public:
  ModelScorer(GruSession& model, const Dataset& dataset, std::int64_t max_length, int n_threads,
              std::string name = "gru_session");
  ~ModelScorer() override;
  [[nodiscard]] std::string name() const override;
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override;
  void refresh();  ///< call after the parameters changed

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace segue::models
