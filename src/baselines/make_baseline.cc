#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "baselines/baseline.h"

namespace segue::baselines {

Baseline::Baseline(std::string name, TrainingEvents events, TieOrder ties)
    : name_(std::move(name)), events_(std::move(events)), tie_order_(events_.n_items()) {
  std::iota(tie_order_.begin(), tie_order_.end(), 0);  // rows count from the first item seen
  if (ties == TieOrder::kPopularity) {
    std::stable_sort(tie_order_.begin(), tie_order_.end(), [&](ItemRow a, ItemRow b) {
      return events_.counts()[static_cast<std::size_t>(a)] > events_.counts()[static_cast<std::size_t>(b)];
    });
  }
}

void Baseline::score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) {
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const std::span<float> row(scores.row(static_cast<std::int64_t>(q)), events_.n_items());
    std::fill(row.begin(), row.end(), 0.0F);
    score_one(queries[q], row);
  }
}

std::unique_ptr<ranking::Scorer> make_baseline(const std::string& name, const Dataset& dataset,
                                               const BaselineOptions& options, bool include_validation) {
  using Make = std::unique_ptr<ranking::Scorer> (*)(TrainingEvents, const BaselineOptions&);
  constexpr std::pair<const char*, Make> kKnown[] = {{"popularity", make_popularity},
                                                     {"session_popularity", make_session_popularity},
                                                     {"user_frequency", make_user_frequency},
                                                     {"markov", make_markov},
                                                     {"item_knn", make_item_knn},
                                                     {"v_sknn", make_v_sknn}};
  std::string names;
  for (const auto& [known, make] : kKnown) {
    if (name == known) return make(TrainingEvents(dataset, include_validation), options);
    names.append(names.empty() ? "" : ", ").append(known);
  }
  throw std::invalid_argument("unknown baseline '" + name + "': known are " + names);
}

}  // namespace segue::baselines
