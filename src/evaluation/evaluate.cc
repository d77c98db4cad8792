#include "evaluation/evaluate.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>

#include "evaluation/bayes.h"
#include "evaluation/bootstrap.h"
#include "evaluation/slices.h"
#include "ranking/metrics.h"
#include "support/errors.h"
#include "support/progress.h"

namespace segue::evaluation {
namespace {

/// What is kept of a system's answers: sums, never ranks or lists.
struct SystemRun {
  std::string name;
  bool is_model = false;
  std::map<std::string, double> means;
  double tied_share = 0;
  std::map<std::string, ClusterSums> sums;                   ///< by metric, [n_clusters]
  std::vector<std::vector<std::vector<double>>> slice_sums;  ///< [slicing][slice][metric of one query]
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
    std::copy_if(metrics_.begin(), metrics_.end(), std::back_inserter(query_metrics_),
                 [](const auto& metric) { return metric.name != "coverage"; });
    queries_ = ranking::make_queries(dataset, options.protocol);
    if (queries_.empty())
      throw DataError(
          "No targets to evaluate: the " + std::string(options.protocol.part == Part::kTest ? "test" : "validation") +
          " part has no event with " + std::to_string(options.protocol.min_history) + " or more events before it" +
          (asks_for_sets() && options.protocol.hide_seen ? " whose item it has not seen" : "") +
          "; look at data.split and evaluation.min_history");
    clusters_ = cluster_by_sequence(queries_);
    slicings_ = make_slicings(dataset, options.protocol, queries_);
    if (!options.bayes.empty()) open_bayes();
  }

  Json run(const std::vector<ranking::Scorer*>& models) {
    std::vector<SystemRun> systems;
    for (auto* model : models) systems.push_back(rank(*model, true));
    for (const auto& name : options_.baselines.names) {
      const auto baseline = baselines::make_baseline(name, dataset_, options_.baselines);
      SystemRun system = rank(*baseline, false);
      const auto has_its_name = [&](const auto* model) { return model->name() == system.name; };
      if (std::any_of(models.begin(), models.end(), has_its_name)) system.name += " (baseline)";
      systems.push_back(std::move(system));
    }
    if (bayes_) {
      BayesScorer scorer(*bayes_);
      systems.push_back(rank(scorer, false));
    }
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

  /// What grows while a system answers: by metric of one query, and by k of expected hits.
  struct Sums {
    std::vector<ClusterSums> of_metric, of_expected;  ///< [n_clusters] each
    std::vector<double> expected_total;
    std::vector<std::vector<std::vector<double>>> slices;  ///< [slicing][slice][metric]
  };

  SystemRun rank(ranking::Scorer& scorer, bool is_model) {
    SystemRun system;
    system.name = scorer.name();
    system.is_model = is_model;
    const bool keeps_examples = is_model && examples_.empty() && options_.examples > 0;
    const auto stride = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(queries_.size()) / std::max<std::int64_t>(1, options_.examples));
    ranking::MetricAccumulator accumulator(metrics_, dataset_.n_items());
    Sums sums = zeros();
    Progress progress("Ranking by " + system.name, static_cast<std::int64_t>(queries_.size()), "queries");
    std::int64_t query = 0;
    ranking::rank_all(dataset_, scorer, queries_, options_.protocol, n_threads_, [&](const ranking::Ranking& ranking) {
      accumulator.add(ranking);
      add(ranking, static_cast<std::size_t>(query), sums);
      if (keeps_examples && query % stride == 0 && static_cast<std::int64_t>(examples_.size()) < options_.examples)
        examples_.push_back(example(ranking));
      ++query;
      progress.advance(1);
    });
    progress.finish();
    system.means = accumulator.values();
    system.tied_share = accumulator.tied_share();
    take(std::move(sums), system);
    return system;
  }

  [[nodiscard]] Sums zeros() const {
    const ClusterSums clusters(clusters_.counts.size(), 0);
    Sums sums;
    sums.of_metric.assign(query_metrics_.size(), clusters);
    sums.of_expected.assign(expected_ks_.size(), clusters);
    sums.expected_total.assign(expected_ks_.size(), 0);
    for (const auto& slicing : slicings_)
      sums.slices.emplace_back(slicing.labels.size(), std::vector<double>(query_metrics_.size(), 0));
    return sums;
  }

  void add(const ranking::Ranking& ranking, std::size_t query, Sums& sums) const {
    const std::size_t cluster = clusters_.of_query[query];
    for (std::size_t m = 0; m < query_metrics_.size(); ++m) {
      const double value = ranking::metric_value(query_metrics_[m], ranking.ranks, ranking.n_targets);
      sums.of_metric[m][cluster] += static_cast<float>(value);
      for (std::size_t i = 0; i < slicings_.size(); ++i) sums.slices[i][slicings_[i].slice_of[query]][m] += value;
    }
    for (std::size_t i = 0; i < expected_ks_.size(); ++i) {
      const float hits = expected_hits(ranking, expected_ks_[i]);
      sums.of_expected[i][cluster] += hits;
      sums.expected_total[i] += static_cast<double>(hits);
    }
  }

  void take(Sums sums, SystemRun& system) const {
    for (std::size_t m = 0; m < query_metrics_.size(); ++m)
      system.sums[query_metrics_[m].text()] = std::move(sums.of_metric[m]);
    for (std::size_t i = 0; i < expected_ks_.size(); ++i) {
      const auto name = "expected_hit_rate@" + std::to_string(expected_ks_[i]);
      system.sums[name] = std::move(sums.of_expected[i]);
      system.means[name] = sums.expected_total[i] / static_cast<double>(queries_.size());
    }
    system.slice_sums = std::move(sums.slices);
  }

  /// What Bayes expects of the first k of a list.
  [[nodiscard]] float expected_hits(const ranking::Ranking& ranking, std::int64_t k) const {
    const auto probabilities = bayes_->probabilities(ranking.query->sequence);
    double mass = 0;
    for (const auto item : ranking.items.first(std::min(ranking.items.size(), static_cast<std::size_t>(k))))
      if (item >= 0) mass += static_cast<double>(probabilities[static_cast<std::size_t>(item)]);
    return static_cast<float>(mass);
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
    if (&system == &systems.front()) {
      for (const auto& other : systems)
        if (other.is_model && &other != &system) json["differences"].push_back(difference(system, other));
    }
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
    for (std::size_t i = 0; i < slicings_.size(); ++i) {
      const Slicing& slicing = slicings_[i];
      json[slicing.name] = Json::array();
      for (std::size_t slice = 0; slice < slicing.labels.size(); ++slice) {
        const auto n = std::count(slicing.slice_of.begin(), slicing.slice_of.end(), static_cast<std::uint8_t>(slice));
        if (n == 0) continue;
        Json row;
        row["label"] = slicing.labels[slice];
        row["n"] = n;
        for (std::size_t m = 0; m < query_metrics_.size(); ++m)
          row["metrics"][query_metrics_[m].text()] = system.slice_sums[i][slice][m] / static_cast<double>(n);
        json[slicing.name].push_back(std::move(row));
      }
    }
    return json;
  }

  [[nodiscard]] std::string primary_metric() const {
    return (query_metrics_.empty() ? metrics_ : query_metrics_).front().text();
  }

  [[nodiscard]] Json id(ItemRow item) const {
    if (item < 0 || item >= dataset_.n_items()) return nullptr;
    return std::string(dataset_.items().id(item));
  }

  [[nodiscard]] bool asks_for_sets() const { return options_.protocol.positions == ranking::Positions::kRest; }

  /// In the order of their events; null for each of the unknown ones.
  [[nodiscard]] Json target_ids(const ranking::Query& query) const {
    ranking::Targets targets;
    ranking::find_targets(dataset_, options_.protocol, query, targets);
    std::set<ItemRow> left(targets.known.begin(), targets.known.end());
    Json ids = Json::array();
    for (auto position = query.position; position < query.end; ++position) {
      const ItemRow item = dataset_.item_rows()[static_cast<std::size_t>(position)];
      if (item >= dataset_.n_items() || left.erase(item) > 0) ids.push_back(id(item));
    }
    return ids;
  }

  [[nodiscard]] Json example(const ranking::Ranking& ranking) const {
    Json json;
    json["sequence"] = std::string(dataset_.sequence_id(ranking.query->sequence));
    json["history"] = Json::array();
    for (auto position = ranking.query->begin; position < ranking.query->position; ++position)
      json["history"].push_back(id(dataset_.item_rows()[static_cast<std::size_t>(position)]));
    if (asks_for_sets()) {
      json["targets"] = target_ids(*ranking.query);
      json["ranks"] = std::vector(ranking.ranks.begin(), ranking.ranks.end());
    } else {
      json["target"] = id(dataset_.item_rows()[static_cast<std::size_t>(ranking.query->position)]);
      json["rank"] = ranking.ranks.empty() ? 0 : ranking.ranks.front();
    }
    json["recommended"] = Json::array();
    for (const auto item : ranking.items.first(std::min<std::size_t>(ranking.items.size(), 10)))
      if (item >= 0) json["recommended"].push_back(id(item));
    return json;
  }

  /// Of the queries, and of those that hide_seen has left without an item.
  struct TargetCounts {
    std::int64_t n = 0, unknown = 0, unavailable = 0, repeated = 0, sequences_left_out = 0;
  };

  [[nodiscard]] TargetCounts count_targets() const {
    TargetCounts counts;
    ranking::RankingProtocol unfiltered = options_.protocol;
    unfiltered.hide_seen = false;
    ranking::Targets targets;
    for (const auto& query : ranking::make_queries(dataset_, unfiltered)) {
      ranking::find_targets(dataset_, options_.protocol, query, targets);
      counts.n += targets.size();
      counts.unknown += targets.n_unknown;
      counts.unavailable += targets.n_unavailable;
      counts.repeated += targets.n_repeated;
      counts.sequences_left_out += targets.size() == 0 ? 1 : 0;
    }
    return counts;
  }

  [[nodiscard]] std::string candidates() const {
    const std::int64_t n_trained = dataset_.n_trained_items(), n_untrained = dataset_.n_items() - n_trained;
    std::string text;
    if (options_.protocol.untrained_candidates)
      text = std::to_string(n_untrained) + " items without a training event";
    else
      text = "all " + std::to_string(n_trained) + " items of the training part" +
             (n_untrained > 0 ? " and " + std::to_string(n_untrained) + " that are known by their features alone" : "");
    return dataset_.available_from_ms().empty() ? text : text + " that are available at the time of the target";
  }

  [[nodiscard]] Json protocol() const {
    const TargetCounts counts = count_targets();
    Json json;
    const Json options = options_.to_json();
    json["part"] = options["part"];
    json["positions"] = options["positions"];
    json["hide_seen"] = options_.protocol.hide_seen;
    json["min_history"] = options_.protocol.min_history;
    json["candidates"] = candidates();
    if (options_.protocol.untrained_targets) json["targets"] = "items without a training event";
    json["ties"] =
        std::string("a model's ties rank the target last; counts: ") +
        (options_.baselines.ties == baselines::TieOrder::kPopularity ? "by popularity" : "first seen in training");
    json["averaging"] = "over queries; intervals resample sequences";
    json["n_queries"] = queries_.size();
    json["n_sequences"] = clusters_.counts.size();
    json["unknown_targets"] = counts.unknown;
    if (!dataset_.available_from_ms().empty()) json["unavailable_targets"] = counts.unavailable;
    if (asks_for_sets()) {
      json["given"] = options_.protocol.given;
      json["mean_relevant_items"] = static_cast<double>(counts.n) / static_cast<double>(queries_.size());
      json["repeated_targets"] = counts.repeated;
      json["sequences_left_out"] = counts.sequences_left_out;
    }
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
  std::vector<ranking::MetricName> metrics_, query_metrics_;  ///< all; those that one query has
  std::vector<ranking::Query> queries_;
  Clusters clusters_;
  std::optional<BayesPredictions> bayes_;
  std::vector<std::int64_t> expected_ks_;
  std::vector<Slicing> slicings_;
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
