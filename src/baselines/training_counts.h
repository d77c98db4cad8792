#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baselines/baselines.h"
#include "dataset/dataset.h"
#include "support/ids.h"

namespace segue::baselines {

/// What every baseline learns from: the events of each sequence before its train_end (or valid_end).
class TrainingPart {
 public:
  TrainingPart(const Dataset& dataset, bool include_validation)
      : dataset_(&dataset), include_validation_(include_validation) {}
  [[nodiscard]] std::int64_t n_sequences() const { return dataset_->n_sequences(); }
  [[nodiscard]] std::int32_t n_items() const { return dataset_->n_items(); }
  /// Items of a sequence's training events, in time order; rows >= n_items() are unknown.
  [[nodiscard]] std::span<const ItemRow> items(std::int64_t sequence) const;
  /// [n_items] events.
  [[nodiscard]] std::vector<std::int64_t> item_counts() const;

 private:
  const Dataset* dataset_;
  bool include_validation_;
};

/// The declared order of equal scores: by falling count, then first seen; or first seen alone. A permutation of the
/// items.
std::vector<ItemRow> tie_permutation(const std::vector<std::int64_t>& counts, TieOrder order);

/// Rows of (item, value), compressed.
struct SparseRows {
  std::vector<std::int64_t> begins{0};
  std::vector<ItemRow> items;
  std::vector<float> values;
  void end_row() { begins.push_back(static_cast<std::int64_t>(items.size())); }
};

/// The baselines of one file each; made by make_baseline().
std::unique_ptr<ranking::Scorer> make_popularity(const Dataset&, const TrainingPart&, const BaselineOptions&);
std::unique_ptr<ranking::Scorer> make_session_popularity(const Dataset&, const TrainingPart&, const BaselineOptions&);
std::unique_ptr<ranking::Scorer> make_user_frequency(const Dataset&, const TrainingPart&, const BaselineOptions&);
std::unique_ptr<ranking::Scorer> make_markov(const Dataset&, const TrainingPart&, const BaselineOptions&);
std::unique_ptr<ranking::Scorer> make_item_knn(const Dataset&, const TrainingPart&, const BaselineOptions&);
std::unique_ptr<ranking::Scorer> make_v_sknn(const Dataset&, const TrainingPart&, const BaselineOptions&);

}  // namespace segue::baselines
