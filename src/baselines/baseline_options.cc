#include "baselines/baselines.h"

namespace segue::baselines {

void BaselineOptions::read(config::Section& section) {
  section.read(
      "names", names,
      {.meaning =
           "baselines beside every model: popularity, session_popularity, user_frequency, markov, item_knn, v_sknn"});
  section.read_choice(
      "ties", ties, {{"first_seen", TieOrder::kFirstSeen}, {"popularity", TieOrder::kPopularity}},
      {.meaning = "order of items with equal scores: which came first in the training part, or which is more popular"});
  section.read("item_knn_neighbours", item_knn_neighbours,
               {.meaning = "neighbours kept of every item", .unit = "items", .low = 1});
  section.read("v_sknn_neighbours", v_sknn_neighbours,
               {.meaning = "most similar sequences that vote", .unit = "sequences", .low = 1});
  section.read("v_sknn_candidates", v_sknn_candidates,
               {.meaning = "latest sequences with an item in common, among which neighbours are sought",
                .unit = "sequences",
                .low = 1});
}

Json BaselineOptions::to_json() const {
  return {{"names", names},
          {"ties", ties == TieOrder::kFirstSeen ? "first_seen" : "popularity"},
          {"item_knn_neighbours", item_knn_neighbours},
          {"v_sknn_neighbours", v_sknn_neighbours},
          {"v_sknn_candidates", v_sknn_candidates}};
}

}  // namespace segue::baselines
