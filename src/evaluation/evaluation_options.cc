#include <algorithm>
#include <stdexcept>

#include "evaluation/evaluate.h"
#include "ranking/metrics.h"

namespace segue::evaluation {
namespace {

const std::vector<std::pair<std::string, Part>> kParts = {
    {"train", Part::kTrain}, {"validation", Part::kValidation}, {"test", Part::kTest}};
const std::vector<std::pair<std::string, ranking::Positions>> kPositions = {
    {"last", ranking::Positions::kLast}, {"every", ranking::Positions::kEvery}, {"rest", ranking::Positions::kRest}};

template <class E>
std::string word_of(E value, const std::vector<std::pair<std::string, E>>& words) {
  return std::find_if(words.begin(), words.end(), [value](const auto& entry) { return entry.second == value; })->first;
}

}  // namespace

void EvaluationOptions::read(config::Section& section) {
  section.read_choice("part", protocol.part, kParts, {.meaning = "Which part's events are the targets"});
  section.read_choice("positions", protocol.positions, kPositions,
                      {.meaning = "`last`: the last target of each sequence; `every`: each event that has a history;"
                                  " `rest`: one query a sequence, for the set of the items in its part"});
  section.read("given", protocol.given,
               {.meaning = "`rest`: share of a sequence that is its history, where it lies in the part as a whole",
                .unit = "share",
                .low = 0.01,
                .high = 0.99});
  section.read(
      "hide_seen", protocol.hide_seen,
      {.meaning = "Items of the history are no candidates (a single target always is; a set loses those of its "
                  "items)"});
  section.read("min_history", protocol.min_history,
               {.meaning = "Targets with fewer earlier events are left out", .unit = "events", .low = 1});
  section.read(
      "metrics", metrics,
      {.meaning = "`name@k` with hit_rate, recall, precision, mrr, ndcg, coverage; the first one ranks the systems"});
  section.read("untrained_targets", protocol.untrained_targets,
               {.meaning = "Only items without a training event (data.items.untrained) are asked for"});
  section.read("untrained_candidates", protocol.untrained_candidates,
               {.meaning = "Only items without a training event are candidates; with untrained_targets"});
  if (protocol.untrained_candidates && !protocol.untrained_targets)
    section.fail("untrained_candidates", "needs untrained_targets: no other item could be found");
  auto baseline_section = section.section("baselines", "Simple systems that are evaluated beside every model");
  baselines.read(baseline_section);
  section.read("bootstrap_samples", bootstrap_samples,
               {.meaning = "Resamples of sequences for the intervals; 0: no intervals", .low = 0, .high = 100'000});
  section.read("confidence", confidence,
               {.meaning = "Width of the intervals", .unit = "share", .low = 0.5, .high = 0.999});
  section.read(
      "bayes", bayes,
      {.meaning = "File of best-possible predictions of a generated world (`bayes_serving.parquet`); empty: none"});
  section.read("examples", examples,
               {.meaning = "Test sequences kept with their recommendations, for the report", .low = 0, .high = 1000});

  if (!bayes.empty() && protocol.positions == ranking::Positions::kRest) {
    section.fail("bayes",
                 "the file holds the best prediction of one event, evaluation.positions rest asks for a set; choose "
                 "positions last, or clear evaluation.bayes (evaluation.bayes=)");
  }
  std::int64_t max_k = 1;
  if (metrics.empty()) section.fail("metrics", "at least one metric is needed, for example hit_rate@10");
  for (const auto& text : metrics) {
    try {
      max_k = std::max(max_k, ranking::MetricName::parse(text).k);
    } catch (const std::invalid_argument& error) {
      section.fail("metrics", error.what());
    }
  }
  protocol.max_k = max_k;
}

Json EvaluationOptions::to_json() const {
  return {{"part", word_of(protocol.part, kParts)},
          {"positions", word_of(protocol.positions, kPositions)},
          {"given", protocol.given},
          {"hide_seen", protocol.hide_seen},
          {"untrained_targets", protocol.untrained_targets},
          {"untrained_candidates", protocol.untrained_candidates},
          {"min_history", protocol.min_history},
          {"metrics", metrics},
          {"baselines", baselines.to_json()},
          {"bootstrap_samples", bootstrap_samples},
          {"confidence", confidence},
          {"bayes", bayes},
          {"examples", examples}};
}

}  // namespace segue::evaluation
