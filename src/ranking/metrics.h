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

/// The value of a per-query metric for a target at `rank` (from 1; 0: not found), one relevant item: hit_rate = recall
/// = [rank <= k], precision = hit / k, mrr = 1 / rank, ndcg = 1 / log2(rank + 1), each 0 beyond k. Not for coverage.
double metric_value(const MetricName& metric, std::int64_t rank);

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
