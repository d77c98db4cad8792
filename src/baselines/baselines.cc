#include "baselines/baselines.h"

#include <stdexcept>
#include <utility>

#include "baselines/training_counts.h"

namespace segue::baselines {
namespace {

using Maker = std::unique_ptr<ranking::Scorer> (*)(const Dataset&, const TrainingPart&, const BaselineOptions&);

const std::vector<std::pair<std::string, Maker>>& makers() {
  static const std::vector<std::pair<std::string, Maker>> kMakers = {{"popularity", make_popularity},
                                                                     {"session_popularity", make_session_popularity},
                                                                     {"user_frequency", make_user_frequency},
                                                                     {"markov", make_markov},
                                                                     {"item_knn", make_item_knn},
                                                                     {"v_sknn", make_v_sknn}};
  return kMakers;
}

std::string known_names() {
  std::string text;
  for (const auto& [name, make] : makers()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

void BaselineOptions::read(config::Section& section) {
  section.read("names", names, {.meaning = "Which ones: " + known_names() + "; [] for none"});
  for (const auto& name : names) {
    bool known = false;
    for (const auto& [known_name, make] : makers()) known = known || known_name == name;
    if (!known) section.fail("names", "no baseline '" + name + "'; there are " + known_names());
  }
  section.read_choice(
      "ties", ties, {{"first_seen", TieOrder::kFirstSeen}, {"popularity", TieOrder::kPopularity}},
      {.meaning = "How equal counts are ordered: by the item first seen in training, or by popularity"});
  section.read("item_knn_neighbours", item_knn_neighbours,
               {.meaning = "Most similar items kept of each item", .unit = "items", .low = 1});
  section.read("v_sknn_neighbours", v_sknn_neighbours,
               {.meaning = "Nearest training sequences that vote", .unit = "sequences", .low = 1});
  section.read(
      "v_sknn_candidates", v_sknn_candidates,
      {.meaning = "Latest training sequences sharing an item that are compared", .unit = "sequences", .low = 1});
}

std::unique_ptr<ranking::Scorer> make_baseline(const std::string& name, const Dataset& dataset,
                                               const BaselineOptions& options, bool include_validation) {
  const TrainingPart training(dataset, include_validation);
  for (const auto& [known_name, make] : makers())
    if (known_name == name) return make(dataset, training, options);
  throw std::invalid_argument("no baseline '" + name + "'; there are " + known_names());
}

}  // namespace segue::baselines
