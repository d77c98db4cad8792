#include <algorithm>
#include <cmath>

#include "baselines/training_counts.h"

namespace segue::baselines {
namespace {

/// Item-to-item cosine over training sequences as sets (Linden, Smith and York 2003): |S_i and S_j| / sqrt(|S_i|
/// |S_j|). Scores by the similarity to the last item, as session-based comparisons do (Hidasi et al. 2016,
/// section 4.1).
class ItemKnn : public ranking::Scorer {
 public:
  ItemKnn(const Dataset& dataset, const TrainingPart& training, const BaselineOptions& options) : dataset_(&dataset) {
    ties_ = tie_permutation(training.item_counts(), options.ties);
    const auto n_items = static_cast<std::size_t>(training.n_items());
    // Sequences as sorted sets, and the sequences of each item.
    std::vector<std::int64_t> set_begins{0}, holder_begins(n_items + 1, 0);
    std::vector<ItemRow> sets;
    for (std::int64_t sequence = 0; sequence < training.n_sequences(); ++sequence) {
      const auto begin = static_cast<std::ptrdiff_t>(sets.size());
      for (const auto item : training.items(sequence))
        if (item < training.n_items()) sets.push_back(item);
      std::sort(sets.begin() + begin, sets.end());
      sets.erase(std::unique(sets.begin() + begin, sets.end()), sets.end());
      set_begins.push_back(static_cast<std::int64_t>(sets.size()));
    }
    for (const auto item : sets) ++holder_begins[static_cast<std::size_t>(item) + 1];
    for (std::size_t i = 0; i < n_items; ++i) holder_begins[i + 1] += holder_begins[i];
    std::vector<std::int64_t> holders(sets.size());
    {
      auto next = holder_begins;
      for (std::size_t s = 0; s + 1 < set_begins.size(); ++s)
        for (auto j = set_begins[s]; j < set_begins[s + 1]; ++j)
          holders[static_cast<std::size_t>(next[static_cast<std::size_t>(sets[static_cast<std::size_t>(j)])]++)] =
              static_cast<std::int64_t>(s);
    }
    const auto support = [&](std::size_t item) {
      return static_cast<double>(holder_begins[item + 1] - holder_begins[item]);
    };

    std::vector<std::int32_t> together(n_items, 0);
    std::vector<ItemRow> touched;
    std::vector<std::pair<float, ItemRow>> row;
    for (std::size_t item = 0; item < n_items; ++item) {
      touched.clear();
      for (auto h = holder_begins[item]; h < holder_begins[item + 1]; ++h) {
        const auto s = static_cast<std::size_t>(holders[static_cast<std::size_t>(h)]);
        for (auto j = set_begins[s]; j < set_begins[s + 1]; ++j) {
          const auto other = sets[static_cast<std::size_t>(j)];
          if (together[static_cast<std::size_t>(other)]++ == 0) touched.push_back(other);
        }
      }
      row.clear();
      for (const auto other : touched) {
        const auto count = together[static_cast<std::size_t>(other)];
        together[static_cast<std::size_t>(other)] = 0;
        if (static_cast<std::size_t>(other) == item) continue;
        row.emplace_back(
            static_cast<float>(count / std::sqrt(support(item) * support(static_cast<std::size_t>(other)))), other);
      }
      const auto kept = std::min(row.size(), static_cast<std::size_t>(options.item_knn_neighbours));
      std::partial_sort(
          row.begin(), row.begin() + static_cast<std::ptrdiff_t>(kept), row.end(),
          [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
      for (std::size_t i = 0; i < kept; ++i) {
        neighbours_.items.push_back(row[i].second);
        neighbours_.values.push_back(row[i].first);
      }
      neighbours_.end_row();
    }
  }
  [[nodiscard]] std::string name() const override { return "item_knn"; }
  [[nodiscard]] std::span<const ItemRow> tie_order() const override { return ties_; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      float* row = scores.row(static_cast<std::int64_t>(i));
      std::fill(row, row + scores.n_cols, 0.0F);
      if (queries[i].position == queries[i].begin) continue;
      const auto last = dataset_->item_rows()[static_cast<std::size_t>(queries[i].position - 1)];
      if (last >= dataset_->n_items()) continue;
      for (auto j = neighbours_.begins[static_cast<std::size_t>(last)];
           j < neighbours_.begins[static_cast<std::size_t>(last) + 1]; ++j)
        row[neighbours_.items[static_cast<std::size_t>(j)]] = neighbours_.values[static_cast<std::size_t>(j)];
    }
  }

 private:
  const Dataset* dataset_;
  std::vector<ItemRow> ties_;
  SparseRows neighbours_;
};

}  // namespace

std::unique_ptr<ranking::Scorer> make_item_knn(const Dataset& dataset, const TrainingPart& training,
                                               const BaselineOptions& options) {
  return std::make_unique<ItemKnn>(dataset, training, options);
}

}  // namespace segue::baselines
