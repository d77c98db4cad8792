#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ranking/ranker.h"

namespace segue::ranking {

/// A metric and its cut-off, "ndcg@10". Names: hit_rate recall precision mrr ndcg coverage.
struct MetricName {
  std::string name;
  std::int64_t k = 10;
  static MetricName parse(const std::string& text);  ///< std::invalid_argument with the list of names
  [[nodiscard]] std::string text() const;
};

/// The value of a per-query metric, in [0, 1]. With `hits` the targets among the first k:
///   hit_rate   1 if there is a hit
///   recall     hits / min(k, n_targets) (Liang et al. 2018, Variational autoencoders for collaborative filtering)
///   precision  hits / k
///   mrr        1 / rank of the first hit
///   ndcg       sum of 1 / log2(rank + 1) over the hits / the same over the ranks 1 .. min(k, n_targets)
/// and 0 without a hit. For a single target, recall is hit_rate and ndcg is 1 / log2(rank + 1).
///
/// @param ranks      of the targets that were found, from 1, rising (Ranking::ranks)
/// @param n_targets  with those that cannot be found
/// @throws std::invalid_argument  coverage, which no single query has; n_targets below 1
/// Cost: min(k, n_targets).
double metric_value(const MetricName& metric, std::span<const std::int64_t> ranks, std::int64_t n_targets);

/// Averages over queries, streamed. Coverage = share of the catalogue that occurs in some list's first k.
class MetricAccumulator {
 public:
  MetricAccumulator(std::vector<MetricName> metrics, std::int64_t n_items);
  void add(const Ranking& ranking);
  [[nodiscard]] std::map<std::string, double> values() const;
  [[nodiscard]] std::int64_t n_queries() const { return n_queries_; }
  [[nodiscard]] double tied_share() const;

 private:
  std::vector<MetricName> metrics_;
  std::int64_t n_items_, n_queries_ = 0, n_tied_ = 0;
  std::vector<double> sums_;
  std::vector<std::vector<std::uint8_t>> covered_;
};

}  // namespace segue::ranking
