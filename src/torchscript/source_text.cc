#include <algorithm>
#include <cctype>
#include <cstdio>
#include <string>

#include "torchscript/script_text.h"

namespace segue::torchscript {
namespace {

std::string norm(const std::string& x, const std::string& name) {
  const auto weight = attribute(name + ".weight");
  return "torch.layer_norm(" + x + ", [" + weight + ".size(0)], " + weight + ", " + attribute(name + ".bias") +
         ", 1e-05)";
}

/// [B, T] items and features -> [B, T, input].
std::string input_method(const models::GruSession& model) {
  std::string text = "def inputs(self, items: Tensor, history: List[Tensor], context: List[Tensor]) -> Tensor:\n";
  text += "    parts = [torch.embedding(" + attribute("item_embedding.weight") + ", items)]\n";
  for (const auto& feature : model.item_features().specs)
    text += "    parts.append(" + item_part(feature, "items") + ")\n";
  int n_history = 0, n_context = 0;
  const auto append = [&](const features::FeatureSpec& feature, const std::string& column) {
    if (feature.categorical)
      text += "    parts.append(torch.embedding(" + attribute("features." + feature.name + ".weight") + ", " + column +
              "))\n";
    else
      text += "    parts.append(" + column + ".unsqueeze(2))\n";
  };
  for (const auto& feature : model.features())
    if (feature.history) append(feature, "history[" + std::to_string(n_history++) + "]");
  for (const auto& feature : model.features())
    if (feature.context) append(feature, "context[" + std::to_string(n_context++) + "]");
  text += "    x = torch.cat(parts, 2)\n";
  if (has(model, "input_norm.weight")) text += "    x = " + norm("x", "input_norm") + "\n";
  if (has(model, "input_projection.weight")) text += "    x = " + linear("x", "input_projection") + "\n";
  return text + "    return x\n";
}

/// [B, T, input] and the state [layers, B, H] -> last layer's hidden states [B, T, H] and the new state.
std::string states_method(const models::GruSession& model) {
  const auto& options = model.options();
  std::string text =
      "def states(self, x: Tensor, state: Tensor) -> Tuple[Tensor, Tensor]:\n    ends: List[Tensor] = []\n";
  for (std::int64_t l = 0; l < options.n_layers; ++l) {
    const auto layer = "layers." + std::to_string(l);
    const auto input = has(model, layer + ".norm.weight") ? norm("x", layer + ".norm") : "x";
    text += "    g, h = torch.gru(" + input + ", state[" + std::to_string(l) + "].unsqueeze(0).contiguous(), [" +
            attribute(layer + ".gru.weight_ih") + ", " + attribute(layer + ".gru.weight_hh") + ", " +
            attribute(layer + ".gru.bias_ih") + ", " + attribute(layer + ".gru.bias_hh") +
            "], True, 1, 0.0, False, False, True)\n    ends.append(h)\n";
    text += options.residual ? "    x = x + g\n" : "    x = g\n";
    if (has(model, layer + ".ffn_in.weight"))
      text +=
          "    x = x + " +
          linear("torch.gelu(" + linear(norm("x", layer + ".ffn_norm"), layer + ".ffn_in") + ")", layer + ".ffn_out") +
          "\n";
  }
  return text + "    return x, torch.cat(ends, 0)\n";
}

std::string vectors_method(const models::GruSession& model) {
  std::string text = "def vectors_of(self, x: Tensor) -> Tensor:\n";
  if (has(model, "output_norm.weight")) text += "    x = " + norm("x", "output_norm") + "\n";
  if (has(model, "output_projection.weight")) text += "    x = " + linear("x", "output_projection") + "\n";
  if (model.options().normalize)
    text += "    x = x / torch.clamp(torch.norm(x, 2, [1], True), 1e-12) * " + number(model.options().scale) + "\n";
  return text + "    return x\n";
}

std::string logits_method(const models::GruSession& model) {
  const auto n_items = std::to_string(model.n_items());
  std::string text = "def logits(self, vectors: Tensor) -> Tensor:\n";
  text += "    table = " +
          (has(model, "output_embedding.weight") ? attribute("output_embedding.weight")
                                                 : attribute("item_embedding.weight") + "[:" + n_items + "]") +
          "\n";
  if (model.options().normalize) text += "    table = table / torch.clamp(torch.norm(table, 2, [1], True), 1e-12)\n";
  text += "    scores = torch.matmul(vectors, table.t())\n";
  if (has(model, "output_bias")) text += "    scores = scores + " + attribute("output_bias") + "\n";
  return text + "    return scores\n";
}

std::string visited_text(const models::GruSession& model) {
  if (!has(model, "visited_weights")) return "";
  return "    current = torch.zeros_like(seen).scatter(1, items.gather(1, (lengths - 1).unsqueeze(1)), 1.0)\n"
         "    scores = scores + (" +
         attribute("visited_weights") + "[0] * current + " + attribute("visited_weights") +
         "[1] * seen * (1.0 - current))[:, :" + std::to_string(model.n_items()) + "]\n";
}

}  // namespace

std::string attribute_name(const std::string& parameter) {
  std::string name;
  for (const char c : parameter) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      name += c;
    } else if (c == '_') {
      name += "_";
    } else if (c == '.') {
      name += "__";
    } else {  // a feature may be called anything
      char code[8];
      std::snprintf(code, sizeof(code), "_x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      name += code;
    }
  }
  return name;
}

std::string mean_of_codes_method() {
  return "def mean_of_codes(self, weight: Tensor, codes: Tensor, offsets: Tensor, items: Tensor) -> Tensor:\n"
         "    rows = items.reshape(-1)\n"
         "    begins = offsets[rows]\n"
         "    lengths = offsets[rows + 1] - begins\n"
         "    bags = torch.cumsum(lengths, 0) - lengths\n"
         "    shifts = torch.repeat_interleave(begins - bags, lengths)\n"
         "    chosen = codes[torch.arange(shifts.size(0), device=shifts.device) + shifts]\n"
         "    means = torch.embedding_bag(weight, chosen, bags, False, 1)[0]\n"
         "    return means.view(items.size() + [weight.size(1)])\n";
}

std::string recommend_method(std::int32_t n_items, const std::string& adjust) {
  const auto n = std::to_string(n_items);
  return "def recommend(self, items: Tensor, lengths: Tensor, history: List[Tensor], context: List[Tensor], k: int, "
         "hide_seen: bool) -> Tuple[Tensor, Tensor]:\n"
         "    scores = self.logits(self.forward(items, lengths, history, context))\n"
         "    steps = torch.arange(items.size(1), device=items.device).unsqueeze(0)\n"
         "    inside = torch.where(steps < lengths.unsqueeze(1), items, torch.full_like(items, " +
         n +
         "))\n"
         "    seen = torch.zeros([items.size(0), " +
         n +
         " + 1], device=scores.device)\n"
         "    seen = seen.scatter(1, inside, 1.0)\n" +
         adjust + "    if hide_seen:\n        scores = scores.masked_fill(seen[:, :" + n +
         "] > 0.5, float('-inf'))\n"
         "    return torch.topk(scores, min(k, " +
         n + "), 1, True, True)\n";
}

std::string item_table(const std::string& feature) { return "item_features." + feature + ".table"; }

std::string item_offsets(const std::string& feature) { return "item_features." + feature + ".offsets"; }

std::string source_text(const models::GruSession& model) {
  const auto& options = model.options();
  const auto state = "torch.zeros([" + std::to_string(options.n_layers) + ", batch, " +
                     std::to_string(options.hidden_dim) + "], device=" + attribute("item_embedding.weight") +
                     ".device)";
  return (has_lists_of_codes(model) ? mean_of_codes_method() : "") + input_method(model) + states_method(model) +
         vectors_method(model) + logits_method(model) + "def initial_state(self, batch: int) -> Tensor:\n    return " +
         state + "\n" +
         "def forward(self, items: Tensor, lengths: Tensor, history: List[Tensor], context: List[Tensor]) -> Tensor:\n"
         "    x, state = self.states(self.inputs(items, history, context), self.initial_state(items.size(0)))\n"
         "    last = (lengths - 1).view([-1, 1, 1]).expand([-1, 1, x.size(2)])\n"
         "    return self.vectors_of(x.gather(1, last).squeeze(1))\n"
         "def step(self, state: Tensor, item: Tensor, history: List[Tensor], context: List[Tensor]) -> Tuple[Tensor, "
         "Tensor]:\n"
         "    h: List[Tensor] = []\n"
         "    for column in history:\n        h.append(column.unsqueeze(1))\n"
         "    c: List[Tensor] = []\n"
         "    for column in context:\n        c.append(column.unsqueeze(1))\n"
         "    x, after = self.states(self.inputs(item.unsqueeze(1), h, c), state)\n"
         "    return after, self.vectors_of(x.squeeze(1))\n" +
         recommend_method(model.n_items(), visited_text(model));
}

}  // namespace segue::torchscript
