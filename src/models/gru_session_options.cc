#include <algorithm>

#include "models/gru_session.h"

namespace segue::models {

void GruSessionOptions::read(config::Section& section) {
  section.read("embedding_dim", embedding_dim, {"width of an item's embedding", "numbers", 1, 65536});
  section.read("hidden_dim", hidden_dim, {"width of the GRU's state", "numbers", 1, 65536});
  section.read("n_layers", n_layers, {"GRU layers, one on top of the other", "layers", 1, 64});
  section.read("feature_dim", feature_dim,
               {"width of a categorical feature's embedding; at most its number of codes", "numbers", 1, 4096});
  section.read("embedding_dropout", embedding_dropout, {"dropout on the input of the first layer", "share", 0, 0.95});
  section.read("hidden_dropout", hidden_dropout, {"dropout after each GRU and feed-forward block", "share", 0, 0.95});
  section.read("layer_norm", layer_norm, {"normalise the input, before each residual GRU, and before the output"});
  section.read("residual", residual,
               {"add each GRU to its input; the input is projected to hidden_dim where they differ"});
  section.read("feed_forward_dim", feed_forward_dim,
               {"inner width of the residual feed-forward block after each GRU; 0: none", "numbers", 0, 65536});
  section.read("tied", tied, {"output vectors are the item embeddings"});
  section.read("output_bias", output_bias, {"one learned number for each item is added to its logit"});
  section.read("normalize", normalize, {"cosine logits: unit vectors times scale"});
  section.read("scale", scale, {"factor of cosine logits (normalize)", "", 1e-3, 1000});
  section.read("visited_weights", visited_weights,
               {"learn one number for the current item and one for items visited before it, added to their logits"});
  section.read("init_std", init_std, {"standard deviation of the first item embeddings", "", 1e-6, 10});
}

Json GruSessionOptions::to_json() const {
  return {{"embedding_dim", embedding_dim},
          {"hidden_dim", hidden_dim},
          {"n_layers", n_layers},
          {"feature_dim", feature_dim},
          {"embedding_dropout", embedding_dropout},
          {"hidden_dropout", hidden_dropout},
          {"layer_norm", layer_norm},
          {"residual", residual},
          {"feed_forward_dim", feed_forward_dim},
          {"tied", tied},
          {"output_bias", output_bias},
          {"normalize", normalize},
          {"scale", scale},
          {"visited_weights", visited_weights},
          {"init_std", init_std}};
}

GruSessionOptions GruSessionOptions::from_json(const Json& json, const std::string& where) {
  GruSessionOptions options;
  const auto read = [&](const char* key, auto& value) {
    value = json_get<std::remove_reference_t<decltype(value)>>(json, key, where);
  };
  read("embedding_dim", options.embedding_dim);
  read("hidden_dim", options.hidden_dim);
  read("n_layers", options.n_layers);
  read("feature_dim", options.feature_dim);
  read("embedding_dropout", options.embedding_dropout);
  read("hidden_dropout", options.hidden_dropout);
  read("layer_norm", options.layer_norm);
  read("residual", options.residual);
  read("feed_forward_dim", options.feed_forward_dim);
  read("tied", options.tied);
  read("output_bias", options.output_bias);
  read("normalize", options.normalize);
  read("scale", options.scale);
  read("visited_weights", options.visited_weights);
  read("init_std", options.init_std);
  return options;
}

}  // namespace segue::models
