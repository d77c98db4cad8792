#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/section.h"
#include "dataset/dataset.h"
#include "ranking/scorer.h"
#include "support/json.h"

namespace segue::baselines {

enum class TieOrder { kFirstSeen, kPopularity };

/// Section `evaluation.baselines`.
struct BaselineOptions {
  std::vector<std::string> names = {"popularity", "session_popularity", "user_frequency",
                                    "markov",     "item_knn",           "v_sknn"};
  TieOrder ties = TieOrder::kPopularity;
  std::int64_t item_knn_neighbours = 100;
  std::int64_t v_sknn_neighbours = 500;
  std::int64_t v_sknn_candidates = 5000;
  void read(config::Section& section);
  [[nodiscard]] Json to_json() const;  ///< the section as it is written
};

/// Builds a baseline from the training part of the dataset (events before train_end; with `include_validation`, before
/// valid_end). std::invalid_argument for an unknown name, listing the known ones.
std::unique_ptr<ranking::Scorer> make_baseline(const std::string& name, const Dataset& dataset,
                                               const BaselineOptions& options, bool include_validation = false);

}  // namespace segue::baselines
