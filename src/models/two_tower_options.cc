#include "models/two_tower.h"
#include "support/errors.h"

namespace segue::models {
namespace {

const std::vector<std::pair<std::string, HistorySummary>> kSummaries = {{"mean", HistorySummary::kMean},
                                                                        {"recency", HistorySummary::kRecency},
                                                                        {"attention", HistorySummary::kAttention},
                                                                        {"gru", HistorySummary::kGru}};

}  // namespace

void TwoTowerOptions::read(config::Section& section) {
  section.read("embedding_dim", embedding_dim, {"width of an item's embedding", "numbers", 1, 65536});
  section.read("vector_dim", vector_dim, {"width of the vectors that both towers give", "numbers", 1, 65536});
  section.read("feature_dim", feature_dim,
               {"width of a categorical feature's embedding; at most its number of codes", "numbers", 1, 4096});
  section.read("id_buckets", id_buckets,
               {"item ids are hashed to so many embeddings; 0: each has its own", "embeddings", 0, 1e9});
  section.read_choice("history", history, kSummaries,
                      {"how a history becomes one vector; recency: a learned rate of forgetting in every dimension; "
                       "attention: and learned weights of events"});
  section.read("hidden_dim", hidden_dim, {"history gru: width of its state", "numbers", 1, 65536});
  section.read("user_layers", user_layers, {"widths of the hidden layers of the user tower"});
  section.read("item_layers", item_layers, {"widths of the hidden layers of the item tower"});
  section.read("tied", tied, {"both towers read one table of item embeddings"});
  section.read("example_age", example_age,
               {"the user tower sees how long before the end of training an example was; 0 when serving"});
  section.read("normalize", normalize, {"vectors of length 1: logits are cosines over temperature"});
  section.read("temperature", temperature, {"divides the cosines (normalize)", "", 1e-3, 100});
  section.read("learn_temperature", learn_temperature, {"temperature is where learning starts (normalize)"});
  section.read("output_bias", output_bias, {"one learned number for each item is added to its logit"});
  section.read("embedding_dropout", embedding_dropout, {"dropout on the events of the history", "share", 0, 0.95});
  section.read("hidden_dropout", hidden_dropout,
               {"dropout on the summary of the history and after each hidden layer", "share", 0, 0.95});
  section.read("id_dropout", id_dropout,
               {"share of items whose id the item tower does not see in an update; for items without training events",
                "share", 0, 0.95});
  section.read("init_std", init_std, {"standard deviation of the first item embeddings", "", 1e-6, 10});
  const auto check = [&](const char* key, const std::vector<std::int64_t>& widths) {
    for (const std::int64_t width : widths)
      if (width < 1 || width > 65536) section.fail(key, "every width must lie in [1, 65536]");
  };
  check("user_layers", user_layers);
  check("item_layers", item_layers);
  if (learn_temperature && !normalize) section.fail("learn_temperature", "needs normalize: true");
}

Json TwoTowerOptions::to_json() const {
  std::string summary;
  for (const auto& [word, choice] : kSummaries)
    if (choice == history) summary = word;
  return {{"embedding_dim", embedding_dim},
          {"vector_dim", vector_dim},
          {"feature_dim", feature_dim},
          {"id_buckets", id_buckets},
          {"history", summary},
          {"hidden_dim", hidden_dim},
          {"user_layers", user_layers},
          {"item_layers", item_layers},
          {"tied", tied},
          {"example_age", example_age},
          {"normalize", normalize},
          {"temperature", temperature},
          {"learn_temperature", learn_temperature},
          {"output_bias", output_bias},
          {"embedding_dropout", embedding_dropout},
          {"hidden_dropout", hidden_dropout},
          {"id_dropout", id_dropout},
          {"init_std", init_std}};
}

TwoTowerOptions TwoTowerOptions::from_json(const Json& json, const std::string& where) {
  TwoTowerOptions options;
  const auto read = [&](const char* key, auto& value) {
    value = json_get<std::remove_reference_t<decltype(value)>>(json, key, where);
  };
  read("embedding_dim", options.embedding_dim);
  read("vector_dim", options.vector_dim);
  read("feature_dim", options.feature_dim);
  read("id_buckets", options.id_buckets);
  read("hidden_dim", options.hidden_dim);
  read("user_layers", options.user_layers);
  read("item_layers", options.item_layers);
  read("tied", options.tied);
  read("example_age", options.example_age);
  read("normalize", options.normalize);
  read("temperature", options.temperature);
  read("learn_temperature", options.learn_temperature);
  read("output_bias", options.output_bias);
  read("embedding_dropout", options.embedding_dropout);
  read("hidden_dropout", options.hidden_dropout);
  read("id_dropout", options.id_dropout);
  read("init_std", options.init_std);
  std::string summary;
  read("history", summary);
  bool known = false;
  for (const auto& [word, choice] : kSummaries) {
    if (word != summary) continue;
    options.history = choice;
    known = true;
  }
  if (!known)
    throw DataError(where + ": history '" + summary + "' is not one that this Segue knows; update the program");
  return options;
}

}  // namespace segue::models
