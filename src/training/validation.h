#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "models/model.h"
#include "ranking/ranker.h"

namespace segue::training {

/// Ranks the validation targets by the model as `evaluate` does (ranking::rank_all) and returns the metrics by name.
/// The queries are made once.
class Validation {
 public:
  /// @param metrics  per-query metrics as "ndcg@10"
  Validation(const Dataset& dataset, ranking::RankingProtocol protocol, const std::vector<std::string>& metrics,
             std::int64_t max_length, int n_threads);
  [[nodiscard]] bool empty() const { return queries_.empty(); }
  std::map<std::string, double> run(models::Model& model);
  std::map<std::string, double> run(ranking::Scorer& scorer);

 private:
  const Dataset& dataset_;
  ranking::RankingProtocol protocol_;
  std::vector<std::string> metrics_;
  std::int64_t max_length_;
  int n_threads_;
  std::vector<ranking::Query> queries_;
};

}  // namespace segue::training
