// s_ij = sum over the sequences that hold both of d_u^-a, divided by (d_i d_j)^b + shrink, row by row: the sequences of
// an item, and their items. Every row is summed by one thread in the order of the sequences.

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "baselines/session_index.h"
#include "baselines/training_events.h"
#include "collaborative/filters.h"
#include "collaborative/neighbour_filter.h"

namespace segue::collaborative {
namespace {

using baselines::SessionIndex;

class Similarities {
 public:
  Similarities(const SessionIndex& index, std::int32_t n_items, const ItemKnnOptions& options)
      : index_(index), options_(options) {
    for (std::size_t u = 0; u < index.n_sessions(); ++u)
      session_weights_.push_back(std::pow(static_cast<double>(index.items_of(u).size()), -options.user_exponent));
    for (ItemRow i = 0; i < n_items; ++i) {
      const auto n_sessions = static_cast<double>(index.sessions_of(i).size());
      item_divisors_.push_back(std::pow(n_sessions, options.item_exponent));
    }
  }

  /// In additions. A candidate is touched a few times more: divided, compared, kept.
  [[nodiscard]] double cost(ItemRow item) const {
    double additions = 1;
    for (const std::int32_t u : index_.sessions_of(item))
      additions += static_cast<double>(index_.items_of(static_cast<std::size_t>(u)).size());
    return additions + 6 * std::min(additions, static_cast<double>(item_divisors_.size()));
  }

  /// What a thread needs to make rows.
  struct Scratch {
    std::vector<double> sums;  ///< [n_items], zeros between rows
    std::vector<ItemRow> touched;
    std::vector<float> keys;
  };

  void make_row(ItemRow item, Scratch& scratch, std::vector<Neighbour>& row) const {
    add_sessions(item, scratch);
    const double divisor = item_divisors_[static_cast<std::size_t>(item)];
    const auto take = [&](ItemRow other) {
      const auto j = static_cast<std::size_t>(other);
      const double sum = std::exchange(scratch.sums[j], 0.0);
      if (sum == 0 || other == item) return;
      row.push_back({other, static_cast<float>(sum / (divisor * item_divisors_[j] + options_.shrink))});
    };
    // Rows rise: many candidates are found again sooner than they are sorted.
    if (scratch.touched.size() > scratch.sums.size() / 16) {
      for (std::size_t j = 0; j < scratch.sums.size(); ++j) take(static_cast<ItemRow>(j));
    } else {
      std::sort(scratch.touched.begin(), scratch.touched.end());
      for (const ItemRow other : scratch.touched) take(other);
    }
    keep_largest(row, options_.neighbours, Largest::kWeight, scratch.keys);
  }

 private:
  void add_sessions(ItemRow item, Scratch& scratch) const {
    scratch.touched.clear();
    for (const std::int32_t session : index_.sessions_of(item)) {
      const auto u = static_cast<std::size_t>(session);
      const double weight = session_weights_[u];
      for (const ItemRow other : index_.items_of(u)) {
        double& sum = scratch.sums[static_cast<std::size_t>(other)];
        if (sum == 0) scratch.touched.push_back(other);
        sum += weight;
      }
    }
  }

  const SessionIndex& index_;
  const ItemKnnOptions& options_;
  std::vector<double> session_weights_;  ///< [n_sessions], d_u^-a
  std::vector<double> item_divisors_;    ///< [n_items], d_i^b
};

}  // namespace

std::unique_ptr<Filter> fit_kind(const ItemKnnOptions& options, const Dataset& dataset, const FitSettings& settings) {
  const std::int32_t n_items = dataset.n_items();
  const SessionIndex index(baselines::TrainingEvents(dataset, settings.include_validation));
  const Similarities similarities(index, n_items, options);
  const auto worker = [&]() -> NeighbourRows::MakeRow {
    return [&similarities,
            scratch = Similarities::Scratch{std::vector<double>(static_cast<std::size_t>(n_items)), {}, {}}](
               ItemRow item, std::vector<Neighbour>& row) mutable { similarities.make_row(item, scratch, row); };
  };
  auto rows = NeighbourRows::make(
      n_items, settings.n_threads, [&](std::int64_t i) { return similarities.cost(static_cast<ItemRow>(i)); }, worker);
  return std::make_unique<NeighbourFilter>(options, n_items, options.history_half_life, std::move(rows));
}

std::unique_ptr<Filter> load_kind(const ItemKnnOptions& options, const WeightsFile& file, std::int32_t n_items) {
  return std::make_unique<NeighbourFilter>(options, n_items, options.history_half_life,
                                           NeighbourRows::load(file, n_items));
}

}  // namespace segue::collaborative
