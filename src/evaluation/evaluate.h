#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "baselines/baselines.h"
#include "config/section.h"
#include "dataset/dataset.h"
#include "ranking/ranker.h"
#include "support/json.h"

namespace segue::evaluation {

/// Section `evaluation`.
struct EvaluationOptions {
  ranking::RankingProtocol protocol;  ///< part, positions: last | every | rest; given; hide_seen; min_history
  std::vector<std::string> metrics = {"hit_rate@5", "hit_rate@10", "hit_rate@20", "mrr@20",
                                      "ndcg@10",    "ndcg@20",     "coverage@20"};
  baselines::BaselineOptions baselines;
  std::int64_t bootstrap_samples = 1000;  ///< resamples of sequences for the intervals; 0: none
  double confidence = 0.95;
  std::string bayes;           ///< Parquet file of best-possible predictions from `segue generate trips`; empty: none
  std::int64_t examples = 12;  ///< test sequences with their recommendations, for the report
  void read(config::Section& section);
  [[nodiscard]] Json to_json() const;  ///< the section as it is written
};

/// Evaluates scorers side by side on the same queries and returns evaluation.json:
///   {"format": "segue evaluation", "version": 1,
///    "protocol": {part, positions, hide_seen, candidates, ties, n_queries, unknown_targets, data_fingerprint, ...},
///    "systems": [{"name", "metrics": {"ndcg@10": {"value", "low", "high"}}, "tied_share",
///                 "difference": {"to": best baseline, "metrics": {...}},      paired bootstrap, for models
///                 "differences": [{"to": another model, "metrics": {...}}],   of the first model, where there are more
///                 "slices": {"history_length": [{"label", "n", "metrics": {"ndcg@10": value}}], "popularity": [...],
///                 "revisit": [...]}}],
///    "examples": [{"sequence", "history": [ids], "target": id, "rank": 0 if it has none, "recommended": [ids]}]}
/// A baseline that is called like a model (item_knn) has " (baseline)" behind its name. Where positions is rest, the
/// protocol also says given, mean_relevant_items, repeated_targets (items dropped since the history holds them:
/// hide_seen) and sequences_left_out (that lost all their items by it); slices are history_length and relevant_items;
/// an example has "targets": [ids] and "ranks": [of those that rank, rising]. With a Bayes file: a system "bayes" and
/// for every system the metric expected_hit_rate@k, and "exact_share@k" (its expected hits over those of Bayes), and
/// for models "above_bayes": better in some metric by more than chance.
Json evaluate(const Dataset& dataset, const std::vector<ranking::Scorer*>& models, const EvaluationOptions& options,
              std::uint64_t seed, int n_threads);

/// Names of the models that are "above_bayes": nothing is unless it saw what the bound did not.
std::vector<std::string> models_above_bayes(const Json& evaluation);

/// The result table for a terminal: one row a system, aligned, interval beside the value.
std::string table(const Json& evaluation);

}  // namespace segue::evaluation
