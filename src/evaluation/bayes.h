#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataset/dataset.h"
#include "ranking/scorer.h"

namespace segue::evaluation {

/// The best reachable prediction of a generated world, read from the file that its generator wrote
/// (trip_world/trip_world.h): for the last leg of every test trip the exact P(next item | what a model may see).
class BayesPredictions {
 public:
  /// @throws DataError  missing, not such a file, or cities that the dataset does not know at all
  BayesPredictions(const std::filesystem::path& path, const Dataset& dataset);
  /// P over the item rows for a sequence, [n_items]; DataError when the file does not hold the sequence.
  [[nodiscard]] std::span<const float> probabilities(std::int64_t sequence) const;

 private:
  const Dataset& dataset_;
  std::filesystem::path path_;
  std::unordered_map<std::string, std::size_t> row_of_sequence_;
  std::vector<float> probabilities_;  // [n_rows, n_items]
};

/// Ranks by those probabilities.
class BayesScorer : public ranking::Scorer {
 public:
  explicit BayesScorer(const BayesPredictions& predictions) : predictions_(predictions) {}
  [[nodiscard]] std::string name() const override { return "bayes"; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override;

 private:
  const BayesPredictions& predictions_;
};

}  // namespace segue::evaluation
