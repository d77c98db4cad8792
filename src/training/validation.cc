#include "training/validation.h"

#include <algorithm>

#include "models/model_scorer.h"
#include "ranking/metrics.h"

namespace segue::training {

Validation::Validation(const Dataset& dataset, ranking::RankingProtocol protocol,
                       const std::vector<std::string>& metrics, std::int64_t max_length, int n_threads)
    : dataset_(dataset), protocol_(protocol), metrics_(metrics), max_length_(max_length), n_threads_(n_threads) {
  protocol_.part = Part::kValidation;
  protocol_.max_k = 1;
  for (const std::string& metric : metrics_)
    protocol_.max_k = std::max(protocol_.max_k, ranking::MetricName::parse(metric).k);
  queries_ = ranking::make_queries(dataset_, protocol_);
}

std::map<std::string, double> Validation::run(models::Model& model) {
  models::ModelScorer scorer(model, dataset_, max_length_, n_threads_);
  return run(scorer);
}

std::map<std::string, double> Validation::run(ranking::Scorer& scorer) {
  std::vector<ranking::MetricName> names;
  for (const std::string& metric : metrics_) names.push_back(ranking::MetricName::parse(metric));
  ranking::MetricAccumulator accumulator(names, dataset_.n_items());
  ranking::rank_all(dataset_, scorer, queries_, protocol_, n_threads_,
                    [&](const ranking::Ranking& ranking) { accumulator.add(ranking); });
  return accumulator.values();
}

}  // namespace segue::training
