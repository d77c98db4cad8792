#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "baselines/baselines.h"
#include "baselines/training_events.h"
#include "ranking/scorer.h"

namespace segue::baselines {

/// What all baselines share: their events, their name, and a declared order of equal scores.
class Baseline : public ranking::Scorer {
 public:
  Baseline(std::string name, TrainingEvents events, TieOrder ties);
  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return tie_order_; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override;

 protected:
  /// Fills `scores` [n_items], all 0 on entry.
  virtual void score_one(const ranking::Query& query, std::span<float> scores) = 0;
  [[nodiscard]] const TrainingEvents& events() const { return events_; }

 private:
  std::string name_;
  TrainingEvents events_;
  std::vector<ItemRow> tie_order_;
};

std::unique_ptr<ranking::Scorer> make_popularity(TrainingEvents events, const BaselineOptions& options);
std::unique_ptr<ranking::Scorer> make_session_popularity(TrainingEvents events, const BaselineOptions& options);
std::unique_ptr<ranking::Scorer> make_user_frequency(TrainingEvents events, const BaselineOptions& options);
std::unique_ptr<ranking::Scorer> make_markov(TrainingEvents events, const BaselineOptions& options);
std::unique_ptr<ranking::Scorer> make_item_knn(TrainingEvents events, const BaselineOptions& options);
std::unique_ptr<ranking::Scorer> make_v_sknn(TrainingEvents events, const BaselineOptions& options);

}  // namespace segue::baselines
