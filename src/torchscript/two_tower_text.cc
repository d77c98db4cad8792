#include "torchscript/script_text.h"

namespace segue::torchscript {
namespace {

/// Rows of items, of any shape -> [..., what a tower reads of an item].
std::string describe_method(const models::TwoTower& model) {
  std::string text =
      "def describe(self, table: Tensor, items: Tensor) -> Tensor:\n    parts = [torch.embedding(table, ";
  text += model.options().id_buckets > 0 ? attribute(kIdRows) + "[items])]\n" : "items)]\n";
  for (const auto& feature : model.item_features().specs)
    text += "    parts.append(" + item_part(feature, "items") + ")\n";
  return text + "    return torch.cat(parts, -1)\n";
}

std::string events_method(const models::TwoTower& model) {
  std::string text =
      "def events(self, items: Tensor, history: List[Tensor]) -> Tensor:\n"
      "    parts = [self.describe(" +
      attribute("item_embedding.weight") + ", items)]\n";
  int n_history = 0;
  for (const auto& feature : model.features())
    if (feature.history)
      text += "    parts.append(" + feature_part(feature, "features.", "history[" + std::to_string(n_history++) + "]") +
              ")\n";
  return text + "    return torch.cat(parts, -1)\n";
}

std::string tower_method(const std::string& tower, std::size_t n_hidden) {
  std::string text = "def " + tower + "_of(self, x: Tensor) -> Tensor:\n";
  for (std::size_t l = 0; l <= n_hidden; ++l) {
    const auto layer = linear("x", tower + "." + std::to_string(l));
    text += "    x = " + (l < n_hidden ? "torch.relu(" + layer + ")" : layer) + "\n";
  }
  return text + "    return x\n";
}

/// Summary [B, s] and the context columns [B] of the event asked for -> vectors [B, e]. A request has age 0.
std::string vectors_method(const models::TwoTower& model) {
  std::string text = "def vectors_of(self, summary: Tensor, context: List[Tensor]) -> Tensor:\n    parts = [summary]\n";
  int n_context = 0;
  for (const auto& feature : model.features())
    if (feature.context)
      text += "    parts.append(" + feature_part(feature, "features.", "context[" + std::to_string(n_context++) + "]") +
              ")\n";
  if (model.options().example_age)
    text += "    parts.append(torch.zeros([summary.size(0), " + std::to_string(models::TwoTower::kAgeDim) +
            "], device=summary.device))\n";
  text += "    x = self.user_tower_of(torch.cat(parts, 1))\n";
  if (model.options().normalize) text += "    x = " + unit_rows("x", 1) + " * " + number(model.scale()) + "\n";
  return text + "    return x\n";
}

std::string weight_of(const models::TwoTower& model) {
  return model.options().history == models::HistorySummary::kAttention
             ? "torch.exp(torch.clamp(torch.matmul(x, " + attribute("history.attention") +
                   "), -10.0, 10.0)).unsqueeze(-1)"
             : "torch.ones_like(x[..., :1])";
}

std::string decay_of(const models::TwoTower& model) {
  return has(model, "history.log_half_life")
             ? "torch.exp2(-torch.exp(-" + attribute("history.log_half_life") + "))"
             : "torch.ones([" + std::to_string(model.input_dim()) + "], device=x.device)";
}

/// Events [B, T, input] -> the summary after the last event of each, [B, s]; and the same an event at a time.
std::string summary_methods(const models::TwoTower& model) {
  const auto device = "device=" + attribute("item_embedding.weight") + ".device";
  if (model.options().history == models::HistorySummary::kGru) {
    const auto weights = "[" + attribute("history.gru.weight_ih") + ", " + attribute("history.gru.weight_hh") + ", " +
                         attribute("history.gru.bias_ih") + ", " + attribute("history.gru.bias_hh") +
                         "], True, 1, 0.0, False, False, True)";
    return "def initial_state(self, batch: int) -> Tensor:\n    return torch.zeros([1, batch, " +
           std::to_string(model.options().hidden_dim) + "], " + device +
           ")\n"
           "def summary(self, x: Tensor, lengths: Tensor) -> Tensor:\n"
           "    g, h = torch.gru(x, self.initial_state(x.size(0)), " +
           weights +
           "\n    last = (lengths - 1).view([-1, 1, 1]).expand([-1, 1, g.size(2)])\n"
           "    return g.gather(1, last).squeeze(1)\n"
           "def advance(self, state: Tensor, x: Tensor) -> Tuple[Tensor, Tensor]:\n"
           "    g, h = torch.gru(x.unsqueeze(1), state.contiguous(), " +
           weights + "\n    return h, g.squeeze(1)\n";
  }
  return "def initial_state(self, batch: int) -> Tensor:\n    return torch.zeros([2, batch, " +
         std::to_string(model.input_dim()) + "], " + device +
         ")\n"
         "def summary(self, x: Tensor, lengths: Tensor) -> Tensor:\n"
         "    before = (lengths - 1).unsqueeze(1) - torch.arange(x.size(1), device=x.device).unsqueeze(0)\n"
         "    inside = before.ge(0).unsqueeze(2).to(x.dtype)\n"
         "    age = torch.clamp(before, 0).unsqueeze(2).to(x.dtype)\n"
         "    weight = inside * torch.pow(" +
         decay_of(model) + ", age) * " + weight_of(model) +
         "\n    return (weight * x).sum([1]) / weight.sum([1])\n"
         "def advance(self, state: Tensor, x: Tensor) -> Tuple[Tensor, Tensor]:\n"
         "    decay = " +
         decay_of(model) + "\n    weight = " + weight_of(model) +
         "\n    sums = decay * state[0] + weight * x\n"
         "    weights = decay * state[1] + weight\n"
         "    return torch.stack([sums, weights]), sums / weights\n";
}

std::string logits_method(const models::TwoTower& model) {
  const auto table = has(model, "output_embedding.weight") ? "output_embedding.weight" : "item_embedding.weight";
  std::string text = "def item_vectors(self) -> Tensor:\n    x = self.describe(" + attribute(table) +
                     ", torch.arange(" + std::to_string(model.n_items()) + ", device=" + attribute(table) +
                     ".device))\n";
  if (has(model, "item_tower.0.weight")) text += "    x = self.item_tower_of(x)\n";
  if (model.options().normalize) text += "    x = " + unit_rows("x", 1) + "\n";
  text += "    return x\ndef logits(self, vectors: Tensor) -> Tensor:\n";
  text += "    scores = torch.matmul(vectors, self.item_vectors().t())\n";
  if (has(model, "output_bias")) text += "    scores = scores + " + attribute("output_bias") + "\n";
  return text + "    return scores\n";
}

}  // namespace

std::string source_text(const models::TwoTower& model) {
  const auto& options = model.options();
  std::string text = (has_lists_of_codes(model) ? mean_of_codes_method() : "") + describe_method(model) +
                     events_method(model) + summary_methods(model) +
                     tower_method("user_tower", options.user_layers.size());
  if (has(model, "item_tower.0.weight")) text += tower_method("item_tower", options.item_layers.size());
  return text + vectors_method(model) + logits_method(model) +
         "def forward(self, items: Tensor, lengths: Tensor, history: List[Tensor], context: List[Tensor]) -> Tensor:\n"
         "    c: List[Tensor] = []\n"
         "    for column in context:\n        c.append(column.gather(1, (lengths - 1).unsqueeze(1)).squeeze(1))\n"
         "    return self.vectors_of(self.summary(self.events(items, history), lengths), c)\n"
         "def step(self, state: Tensor, item: Tensor, history: List[Tensor], context: List[Tensor]) -> Tuple[Tensor, "
         "Tensor]:\n"
         "    after, summary = self.advance(state, self.events(item, history))\n"
         "    return after, self.vectors_of(summary, context)\n" +
         recommend_method(model.n_items(), "");
}

}  // namespace segue::torchscript
