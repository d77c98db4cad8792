#include "models/two_tower_inference.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "models/packed_events.h"
#include "models/packed_gru.h"
#include "models/packed_linear.h"
#include "models/packed_steps.h"
#include "models/unit_rows.h"

namespace segue::models {
namespace {

using Matrix = std::vector<float>;

constexpr float kLargestAttention = 10;

}  // namespace

struct TwoTowerInference::State {
  TwoTowerOptions options;
  PackedEvents events;
  double scale = 1;
  PackedGru gru;
  Matrix decay, attention;  // [past_dim]
  std::vector<PackedLinear> layers;

  [[nodiscard]] std::int64_t summary_dim() const {
    return options.history == HistorySummary::kGru ? options.hidden_dim : events.past_dim();
  }
  void summarize(const batching::Batch& batch, const Matrix& x, Matrix& summary) const;
};

TwoTowerInference::TwoTowerInference(const TwoTower& model) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.options = model.options();
  state.events =
      PackedEvents(model, state.options.embedding_dim, [&](std::int64_t item) { return model.id_row(item); });
  state.scale = model.scale();
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model.parameters()) tensors[name] = tensor.detach().to(at::kCPU).contiguous();
  const auto data = [&](const std::string& name) { return tensors.at(name).const_data_ptr<float>(); };
  const auto width = static_cast<std::size_t>(state.events.past_dim());
  state.decay.assign(width, 1);
  if (const auto found = tensors.find("history.log_half_life"); found != tensors.end()) {
    const at::Tensor decay = at::exp2(-at::exp(-found->second));
    state.decay.assign(decay.const_data_ptr<float>(), decay.const_data_ptr<float>() + width);
  }
  if (state.options.history == HistorySummary::kAttention)
    state.attention.assign(data("history.attention"), data("history.attention") + width);
  if (state.options.history == HistorySummary::kGru)
    state.gru = PackedGru(data("history.gru.weight_ih"), data("history.gru.weight_hh"), data("history.gru.bias_ih"),
                          data("history.gru.bias_hh"), state.options.hidden_dim, state.events.past_dim());
  for (std::size_t l = 0; l <= state.options.user_layers.size(); ++l) {
    const std::string name = "user_tower." + std::to_string(l);
    const at::Tensor& weight = tensors.at(name + ".weight");
    state.layers.emplace_back(data(name + ".weight"), data(name + ".bias"), weight.size(0), weight.size(1));
  }
}

TwoTowerInference::~TwoTowerInference() = default;

std::int64_t TwoTowerInference::vector_dim() const { return state_->options.vector_dim; }

/// Summaries of all positions, [n_positions, summary_dim]: row by row, whatever the rows beside it.
void TwoTowerInference::State::summarize(const batching::Batch& batch, const Matrix& x, Matrix& summary) const {
  const PackedSteps steps(batch.batch_sizes);
  if (options.history == HistorySummary::kGru) {
    gru.apply(steps.sizes, x.data(), {}, summary.data());
    return;
  }
  const auto width = static_cast<std::size_t>(events.past_dim());
  Matrix sum(width), divisor(width);
  for (std::int64_t row = 0; row < steps.n_rows(); ++row) {
    std::fill(sum.begin(), sum.end(), 0.0F);
    std::fill(divisor.begin(), divisor.end(), 0.0F);
    const std::size_t length = steps.length(row);
    for (std::size_t t = 0; t < length; ++t) {
      const auto at = static_cast<std::size_t>(steps.begins[t] + row) * width;
      const float* const now = x.data() + at;
      float weight = 1;
      if (!attention.empty()) {
        double logit = 0;
        for (std::size_t k = 0; k < width; ++k)
          logit += static_cast<double>(attention[k]) * static_cast<double>(now[k]);
        weight = std::exp(std::clamp(static_cast<float>(logit), -kLargestAttention, kLargestAttention));
      }
      for (std::size_t k = 0; k < width; ++k) {
        sum[k] = decay[k] * sum[k] + weight * now[k];
        divisor[k] = decay[k] * divisor[k] + weight;
        summary[at + k] = sum[k] / divisor[k];
      }
    }
  }
}

void TwoTowerInference::at_positions(const batching::Batch& batch, std::span<const std::int64_t> positions,
                                     float* vectors) const {
  const State& state = *state_;
  const std::int64_t n = batch.n_positions(), past = state.events.past_dim(), summary_dim = state.summary_dim();
  Matrix x(static_cast<std::size_t>(n * past)), summary(static_cast<std::size_t>(n * summary_dim));
  state.events.past(batch, x.data(), past);
  state.summarize(batch, x, summary);

  const std::int64_t age_dim = state.options.example_age ? TwoTower::kAgeDim : 0;
  const std::int64_t width = summary_dim + state.events.context_dim() + age_dim;
  const auto n_out = static_cast<std::int64_t>(positions.size());
  Matrix u(static_cast<std::size_t>(n_out * width), 0.0F);  // zeros: the age
  for (std::int64_t i = 0; i < n_out; ++i)
    std::copy_n(summary.data() + positions[static_cast<std::size_t>(i)] * summary_dim, summary_dim,
                u.data() + i * width);
  state.events.context(batch, positions, u.data() + summary_dim, width);
  for (std::size_t l = 0; l < state.layers.size(); ++l) {
    const bool last = l + 1 == state.layers.size();
    Matrix next(last ? 0 : static_cast<std::size_t>(n_out * state.layers[l].n_out()));
    state.layers[l].apply(u.data(), n_out, last ? vectors : next.data());
    for (float& value : next) value = std::max(value, 0.0F);
    u = std::move(next);
  }
  if (state.options.normalize) make_unit_rows(vectors, n_out, state.options.vector_dim, state.scale);
}

}  // namespace segue::models
