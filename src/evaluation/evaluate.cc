#include "evaluation/evaluate.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "evaluation/bayes.h"
#include "evaluation/bootstrap.h"
#include "evaluation/slices.h"
#include "ranking/metrics.h"
#include "support/errors.h"
#include "support/progress.h"

namespace segue::evaluation {
namespace {

/// What is kept of a system's answers: a rank a query, never the lists.
struct SystemRun {
  std::string name;
  bool is_model = false;
  std::vector<std::int64_t> ranks;                ///< [n_queries]
  std::vector<std::vector<float>> expected_hits;  ///< [k of a hit_rate metric][n_queries], with a Bayes file
  std::map<std::string, double> means;
  double tied_share = 0;
  std::map<std::string, ClusterSums> sums;  ///< by metric, [n_clusters]
  std::map<std::string, std::vector<double>> samples;
};

/// The queries, grouped by sequence: the unit of the bootstrap.
struct Clusters {
  std::vector<std::size_t> of_query;
  ClusterSums counts;
};

Clusters cluster_by_sequence(const std::vector<ranking::Query>& queries) {
  Clusters clusters;
  std::int64_t last = -1;
  for (const auto& query : queries) {
    if (clusters.counts.empty() || query.sequence != last) clusters.counts.push_back(0);
    last = query.sequence;
    clusters.counts.back() += 1;
    clusters.of_query.push_back(clusters.counts.size() - 1);
  }
  return clusters;
}

class Evaluator {
 public:
  Evaluator(const Dataset& dataset, const EvaluationOptions& options, std::uint64_t seed, int n_threads)
      : dataset_(dataset), options_(options), seed_(seed), n_threads_(n_threads) {
    for (const auto& text : options.metrics) metrics_.push_back(ranking::MetricName::parse(text));
    queries_ = ranking::make_queries(dataset, options.protocol);
    if (queries_.empty())
      throw DataError("No targets to evaluate: the " +
                      std::string(options.protocol.part == Part::kTest ? "test" : "validation") +
                      " part has no event with " + std::to_string(options.protocol.min_history) +
                      " or more events before it; look at data.split and evaluation.min_history");
    clusters_ = cluster_by_sequence(queries_);
    if (!options.bayes.empty()) open_bayes();
  }

  Json run(const std::vector<ranking::Scorer*>& models) {
    std::vector<SystemRun> systems;
    for (auto* model : models) systems.push_back(rank(*model, true));
    for (const auto& name : options_.baselines.names) {
      const auto baseline = baselines::make_baseline(name, dataset_, options_.baselines);
      systems.push_back(rank(*baseline, false));
    }
    if (bayes_) {
      BayesScorer scorer(*bayes_);
      systems.push_back(rank(scorer, false));
    }
    for (auto& system : systems) sum_by_cluster(system);
    if (options_.bootstrap_samples > 0) resample(systems);

    Json json;
    json["format"] = "segue evaluation";
    json["version"] = 1;
    json["protocol"] = protocol();
    json["systems"] = Json::array();
    for (const auto& system : systems) json["systems"].push_back(describe(system, systems));
    json["examples"] = examples_;
    return json;
  }

 private:
  void open_bayes() {
    if (options_.protocol.part != Part::kTest || options_.protocol.positions != ranking::Positions::kLast) {
      log_warning("evaluation.bayes holds the last leg of test trips alone: left out of this evaluation");
      return;
    }
    bayes_.emplace(options_.bayes, dataset_);
    for (const auto& metric : metrics_)
      if (metric.name == "hit_rate") expected_ks_.push_back(metric.k);
    if (expected_ks_.empty()) expected_ks_.push_back(options_.protocol.max_k);
  }

  SystemRun rank(ranking::Scorer& scorer, bool is_model) {
    SystemRun system;
    system.name = scorer.name();
    system.is_model = is_model;
    system.expected_hits.resize(expected_ks_.size());
    const bool keeps_examples = is_model && examples_.empty() && options_.examples > 0;
    const auto stride = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(queries_.size()) / std::max<std::int64_t>(1, options_.examples));
    ranking::MetricAccumulator accumulator(metrics_, dataset_.n_items());
    Progress progress("Ranking by " + system.name, static_cast<std::int64_t>(queries_.size()), "queries");
    ranking::rank_all(dataset_, scorer, queries_, options_.protocol, n_threads_, [&](const ranking::Ranking& ranking) {
      accumulator.add(ranking);
      if (bayes_) add_expected_hits(system, ranking);
      const auto index = static_cast<std::int64_t>(system.ranks.size());
      if (keeps_examples && index % stride == 0 && static_cast<std::int64_t>(examples_.size()) < options_.examples)
        examples_.push_back(example(ranking));
      system.ranks.push_back(ranking.rank);
      progress.advance(1);
    });
    progress.finish();
    system.means = accumulator.values();
    system.tied_share = accumulator.tied_share();
    return system;
  }

  void add_expected_hits(SystemRun& system, const ranking::Ranking& ranking) {
    const auto probabilities = bayes_->probabilities(ranking.query->sequence);
    for (std::size_t i = 0; i < expected_ks_.size(); ++i) {
      double mass = 0;
      for (const auto item :
           ranking.items.first(std::min(ranking.items.size(), static_cast<std::size_t>(expected_ks_[i]))))
        if (item >= 0) mass += static_cast<double>(probabilities[static_cast<std::size_t>(item)]);
      system.expected_hits[i].push_back(static_cast<float>(mass));
    }
  }

  void sum_by_cluster(SystemRun& system) const {
    for (const auto& metric : metrics_) {
      if (metric.name == "coverage") continue;
      auto& sums = system.sums[metric.text()];
      sums.assign(clusters_.counts.size(), 0);
      for (std::size_t query = 0; query < queries_.size(); ++query)
        sums[clusters_.of_query[query]] += static_cast<float>(ranking::metric_value(metric, system.ranks[query]));
    }
    for (std::size_t i = 0; i < expected_ks_.size(); ++i) {
      const auto name = "expected_hit_rate@" + std::to_string(expected_ks_[i]);
      auto& sums = system.sums[name];
      sums.assign(clusters_.counts.size(), 0);
      double total = 0;
      for (std::size_t query = 0; query < queries_.size(); ++query) {
        sums[clusters_.of_query[query]] += system.expected_hits[i][query];
        total += static_cast<double>(system.expected_hits[i][query]);
      }
      system.means[name] = total / static_cast<double>(queries_.size());
    }
  }

  void resample(std::vector<SystemRun>& systems) const {
    std::vector<ClusterSums> rows;
    std::vector<std::pair<std::size_t, std::string>> owners;
    for (std::size_t i = 0; i < systems.size(); ++i)
      for (const auto& [name, sums] : systems[i].sums) {
        rows.push_back(sums);
        owners.emplace_back(i, name);
      }
    auto means = bootstrap_means(rows, clusters_.counts, options_.bootstrap_samples, seed_, n_threads_);
    for (std::size_t row = 0; row < rows.size(); ++row)
      systems[owners[row].first].samples[owners[row].second] = std::move(means[row]);
  }

  [[nodiscard]] Json with_interval(double value, std::vector<double> samples) const {
    Json json;
    json["value"] = value;
    json["low"] = nullptr;
    json["high"] = nullptr;
    if (samples.empty()) return json;
    const auto interval = percentile_interval(std::move(samples), options_.confidence);
    json["low"] = interval.low;
    json["high"] = interval.high;
    return json;
  }

  /// Paired difference `system - other`, metric by metric.
  [[nodiscard]] Json difference(const SystemRun& system, const SystemRun& other) const {
    Json json;
    json["to"] = other.name;
    for (const auto& [name, sums] : system.sums) {
      std::vector<double> samples;
      if (const auto mine = system.samples.find(name); mine != system.samples.end()) {
        samples = mine->second;
        const auto& theirs = other.samples.at(name);
        for (std::size_t i = 0; i < samples.size(); ++i) samples[i] -= theirs[i];
      }
      json["metrics"][name] = with_interval(system.means.at(name) - other.means.at(name), std::move(samples));
    }
    return json;
  }

  [[nodiscard]] Json describe(const SystemRun& system, const std::vector<SystemRun>& systems) const {
    Json json;
    json["name"] = system.name;
    json["kind"] = system.is_model ? "model" : system.name == "bayes" ? "bound" : "baseline";
    const SystemRun* best = nullptr;
    const SystemRun* bayes = nullptr;
    const auto primary = primary_metric();
    for (const auto& other : systems) {
      if (other.name == "bayes")
        bayes = &other;
      else if (!other.is_model && (!best || other.means.at(primary) > best->means.at(primary)))
        best = &other;
    }
    for (const auto& metric : metrics_) {
      const auto name = metric.text();
      const auto samples = system.samples.find(name);
      json["metrics"][name] = with_interval(system.means.at(name),
                                            samples == system.samples.end() ? std::vector<double>{} : samples->second);
    }
    for (const auto k : expected_ks_) {
      const auto name = "expected_hit_rate@" + std::to_string(k);
      const auto samples = system.samples.find(name);
      json["metrics"][name] = with_interval(system.means.at(name),
                                            samples == system.samples.end() ? std::vector<double>{} : samples->second);
      if (!bayes) continue;
      std::vector<double> shares;
      if (samples != system.samples.end())
        for (std::size_t i = 0; i < samples->second.size(); ++i)
          shares.push_back(samples->second[i] / bayes->samples.at(name)[i]);
      json["metrics"]["exact_share@" + std::to_string(k)] =
          with_interval(system.means.at(name) / bayes->means.at(name), std::move(shares));
    }
    json["tied_share"] = system.tied_share;
    if (system.is_model && best) json["difference"] = difference(system, *best);
    if (system.is_model && bayes) {
      json["difference_to_bayes"] = difference(system, *bayes);
      json["above_bayes"] = is_above(system, *bayes);
    }
    json["slices"] = slices(system);
    return json;
  }

  /// Above the best reachable in some metric by more than chance: four standard errors of the paired difference, since
  /// a model as good as the bound is above its 95 % interval in one of several metrics every few evaluations.
  [[nodiscard]] static bool is_above(const SystemRun& system, const SystemRun& bayes) {
    constexpr double kStandardErrors = 4, kRounding = 1e-6;  // of sums in float
    for (const auto& [name, samples] : system.samples) {
      const auto& others = bayes.samples.at(name);
      double sum = 0, squares = 0;
      for (std::size_t i = 0; i < samples.size(); ++i) sum += samples[i] - others[i];
      const auto n = static_cast<double>(samples.size());
      for (std::size_t i = 0; i < samples.size(); ++i) squares += std::pow(samples[i] - others[i] - sum / n, 2);
      if (system.means.at(name) - bayes.means.at(name) > kStandardErrors * std::sqrt(squares / n) + kRounding)
        return true;
    }
    return false;
  }

  [[nodiscard]] Json slices(const SystemRun& system) const {
    Json json = Json::object();
    for (const auto& slicing : slicings()) {
      json[slicing.name] = Json::array();
      for (std::size_t slice = 0; slice < slicing.labels.size(); ++slice) {
        std::int64_t n = 0;
        std::vector<double> sums(metrics_.size(), 0);
        for (std::size_t query = 0; query < queries_.size(); ++query) {
          if (slicing.slice_of[query] != slice) continue;
          ++n;
          for (std::size_t m = 0; m < metrics_.size(); ++m)
            if (metrics_[m].name != "coverage") sums[m] += ranking::metric_value(metrics_[m], system.ranks[query]);
        }
        if (n == 0) continue;
        Json row;
        row["label"] = slicing.labels[slice];
        row["n"] = n;
        for (std::size_t m = 0; m < metrics_.size(); ++m)
          if (metrics_[m].name != "coverage") row["metrics"][metrics_[m].text()] = sums[m] / static_cast<double>(n);
        json[slicing.name].push_back(std::move(row));
      }
    }
    return json;
  }

  [[nodiscard]] const std::vector<Slicing>& slicings() const {
    if (slicings_.empty()) slicings_ = make_slicings(dataset_, queries_);
    return slicings_;
  }

  [[nodiscard]] std::string primary_metric() const {
    for (const auto& metric : metrics_)
      if (metric.name != "coverage") return metric.text();
    return metrics_.front().text();
  }

  [[nodiscard]] Json id(ItemRow item) const {
    if (item < 0 || item >= dataset_.n_items()) return nullptr;
    return std::string(dataset_.items().id(item));
  }

  [[nodiscard]] Json example(const ranking::Ranking& ranking) const {
    Json json;
    json["sequence"] = std::string(dataset_.sequence_id(ranking.query->sequence));
    json["history"] = Json::array();
    for (auto position = ranking.query->begin; position < ranking.query->position; ++position)
      json["history"].push_back(id(dataset_.item_rows()[static_cast<std::size_t>(position)]));
    json["target"] = id(ranking.target);
    json["rank"] = ranking.rank;
    json["recommended"] = Json::array();
    for (const auto item : ranking.items.first(std::min<std::size_t>(ranking.items.size(), 10)))
      if (item >= 0) json["recommended"].push_back(id(item));
    return json;
  }

  [[nodiscard]] Json protocol() const {
    const auto items = dataset_.item_rows();
    const auto unknown = std::count_if(queries_.begin(), queries_.end(), [&](const auto& query) {
      return items[static_cast<std::size_t>(query.position)] >= dataset_.n_items();
    });
    Json json;
    const Json options = options_.to_json();
    json["part"] = options["part"];
    json["positions"] = options["positions"];
    json["hide_seen"] = options_.protocol.hide_seen;
    json["min_history"] = options_.protocol.min_history;
    json["candidates"] = "all " + std::to_string(dataset_.n_items()) + " items of the training part";
    json["ties"] =
        std::string("a model's ties rank the target last; counts: ") +
        (options_.baselines.ties == baselines::TieOrder::kPopularity ? "by popularity" : "first seen in training");
    json["averaging"] = "over queries; intervals resample sequences";
    json["n_queries"] = queries_.size();
    json["n_sequences"] = clusters_.counts.size();
    json["unknown_targets"] = unknown;
    json["primary_metric"] = primary_metric();
    json["bootstrap_samples"] = options_.bootstrap_samples;
    json["confidence"] = options_.confidence;
    json["seed"] = seed_;
    json["data_fingerprint"] = dataset_.fingerprint();
    if (bayes_) json["bayes"] = std::filesystem::path(options_.bayes).filename().string();
    return json;
  }

  const Dataset& dataset_;
  const EvaluationOptions& options_;
  std::uint64_t seed_;
  int n_threads_;
  std::vector<ranking::MetricName> metrics_;
  std::vector<ranking::Query> queries_;
  Clusters clusters_;
  std::optional<BayesPredictions> bayes_;
  std::vector<std::int64_t> expected_ks_;
  mutable std::vector<Slicing> slicings_;
  Json examples_ = Json::array();
};

}  // namespace

std::vector<std::string> models_above_bayes(const Json& evaluation) {
  std::vector<std::string> names;
  for (const auto& system : evaluation.at("systems"))
    if (system.value("above_bayes", false)) names.push_back(system.at("name"));
  return names;
}

Json evaluate(const Dataset& dataset, const std::vector<ranking::Scorer*>& models, const EvaluationOptions& options,
              std::uint64_t seed, int n_threads) {
  return Evaluator(dataset, options, seed, n_threads).run(models);
}

}  // namespace segue::evaluation
