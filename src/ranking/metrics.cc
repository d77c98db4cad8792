#include "ranking/metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace segue::ranking {
namespace {

constexpr std::array<const char*, 6> kNames = {"hit_rate", "recall", "precision", "mrr", "ndcg", "coverage"};

double discount(std::int64_t rank) { return 1.0 / std::log2(static_cast<double>(rank) + 1); }

double gain_of(std::span<const std::int64_t> ranks) {
  double gain = 0;
  for (const std::int64_t rank : ranks) gain += discount(rank);
  return gain;
}

/// Of n targets at the first n ranks.
double best_gain(std::int64_t n) {
  double gain = 0;
  for (std::int64_t rank = 1; rank <= n; ++rank) gain += discount(rank);
  return gain;
}

}  // namespace

MetricName MetricName::parse(const std::string& text) {
  const auto fail = [&] {
    std::string names;
    for (const auto* name : kNames) names += std::string(names.empty() ? "" : ", ") + name;
    return std::invalid_argument("'" + text +
                                 "' is not a metric: write name@k with a k of 1 or more and a name out of " + names);
  };
  const auto at = text.find('@');
  if (at == std::string::npos) throw fail();
  MetricName metric{text.substr(0, at), 0};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + at + 1, end, metric.k);
  if (parsed.ec != std::errc() || parsed.ptr != end || metric.k < 1) throw fail();
  if (std::find(kNames.begin(), kNames.end(), metric.name) == kNames.end()) throw fail();
  return metric;
}

std::string MetricName::text() const { return name + "@" + std::to_string(k); }

double metric_value(const MetricName& metric, std::span<const std::int64_t> ranks, std::int64_t n_targets) {
  if (n_targets < 1) throw std::invalid_argument("metric_value: " + metric.text() + " of a query without targets");
  const auto end = std::upper_bound(ranks.begin(), ranks.end(), metric.k);
  const auto hits = ranks.first(static_cast<std::size_t>(end - ranks.begin()));
  const auto n_hits = static_cast<double>(hits.size());
  if (metric.name == "hit_rate") return hits.empty() ? 0 : 1;
  if (metric.name == "recall") return n_hits / static_cast<double>(std::min(metric.k, n_targets));
  if (metric.name == "precision") return n_hits / static_cast<double>(metric.k);
  if (metric.name == "mrr") return hits.empty() ? 0 : 1.0 / static_cast<double>(hits.front());
  if (metric.name == "ndcg") return hits.empty() ? 0 : gain_of(hits) / best_gain(std::min(metric.k, n_targets));
  throw std::invalid_argument("metric_value: " + metric.name + " has no value for one query");
}

MetricAccumulator::MetricAccumulator(std::vector<MetricName> metrics, std::int64_t n_items)
    : metrics_(std::move(metrics)), n_items_(n_items), sums_(metrics_.size(), 0), covered_(metrics_.size()) {
  for (std::size_t i = 0; i < metrics_.size(); ++i)
    if (metrics_[i].name == "coverage") covered_[i].assign(static_cast<std::size_t>(n_items), 0);
}

void MetricAccumulator::add(const Ranking& ranking) {
  ++n_queries_;
  if (ranking.tied) ++n_tied_;
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    if (covered_[i].empty()) {
      if (metrics_[i].name != "coverage") sums_[i] += metric_value(metrics_[i], ranking.ranks, ranking.n_targets);
      continue;
    }
    for (const auto item : ranking.items.first(std::min(ranking.items.size(), static_cast<std::size_t>(metrics_[i].k))))
      if (item >= 0) covered_[i][static_cast<std::size_t>(item)] = 1;
  }
}

std::map<std::string, double> MetricAccumulator::values() const {
  std::map<std::string, double> values;
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    if (metrics_[i].name == "coverage")
      values[metrics_[i].text()] =
          n_items_ == 0 ? 0
                        : static_cast<double>(std::count(covered_[i].begin(), covered_[i].end(), std::uint8_t{1})) /
                              static_cast<double>(n_items_);
    else
      values[metrics_[i].text()] = n_queries_ == 0 ? 0 : sums_[i] / static_cast<double>(n_queries_);
  }
  return values;
}

double MetricAccumulator::tied_share() const {
  return n_queries_ == 0 ? 0 : static_cast<double>(n_tied_) / static_cast<double>(n_queries_);
}

}  // namespace segue::ranking
