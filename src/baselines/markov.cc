#include <algorithm>

#include "baselines/training_counts.h"

namespace segue::baselines {
namespace {

/// First-order Markov chain: how often an item followed the last one in training. What never followed ranks by the tie
/// order.
class Markov : public ranking::Scorer {
 public:
  Markov(const Dataset& dataset, const TrainingPart& training, const BaselineOptions& options) : dataset_(&dataset) {
    ties_ = tie_permutation(training.item_counts(), options.ties);
    const auto n_items = static_cast<std::uint64_t>(training.n_items());
    std::vector<std::uint64_t> pairs;
    for (std::int64_t sequence = 0; sequence < training.n_sequences(); ++sequence) {
      const auto items = training.items(sequence);
      for (std::size_t i = 1; i < items.size(); ++i) {
        const auto from = static_cast<std::uint64_t>(items[i - 1]), to = static_cast<std::uint64_t>(items[i]);
        if (from < n_items && to < n_items) pairs.push_back(from * n_items + to);
      }
    }
    std::sort(pairs.begin(), pairs.end());
    std::uint64_t row = 0;
    for (std::size_t i = 0; i < pairs.size();) {
      std::size_t end = i;
      while (end < pairs.size() && pairs[end] == pairs[i]) ++end;
      for (; row < pairs[i] / n_items; ++row) next_.end_row();
      next_.items.push_back(static_cast<ItemRow>(pairs[i] % n_items));
      next_.values.push_back(static_cast<float>(end - i));
      i = end;
    }
    for (; row < n_items; ++row) next_.end_row();
  }
  [[nodiscard]] std::string name() const override { return "markov"; }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return ties_; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      float* row = scores.row(static_cast<std::int64_t>(i));
      std::fill(row, row + scores.n_cols, 0.0F);
      if (queries[i].position == queries[i].begin) continue;
      const auto last = dataset_->item_rows()[static_cast<std::size_t>(queries[i].position - 1)];
      if (last >= dataset_->n_items()) continue;
      for (auto j = next_.begins[static_cast<std::size_t>(last)]; j < next_.begins[static_cast<std::size_t>(last) + 1];
           ++j)
        row[next_.items[static_cast<std::size_t>(j)]] = next_.values[static_cast<std::size_t>(j)];
    }
  }

 private:
  const Dataset* dataset_;
  std::vector<ItemRow> ties_;
  SparseRows next_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_markov(const Dataset& dataset, const TrainingPart& training,
                                             const BaselineOptions& options) {
  return std::make_unique<Markov>(dataset, training, options);
}

}  // namespace segue::baselines
