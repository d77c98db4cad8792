#include "models/packed_gru.h"

#include "models/gru_gates.h"

namespace segue::models {
namespace {

constexpr std::int64_t kRowsAtATime = 256;  // of a hidden size of 128: what they need on the way stays in cache

}  // namespace

PackedGru::PackedGru(const float* weight_ih, const float* weight_hh, const float* bias_ih, const float* bias_hh,
                     std::int64_t hidden, std::int64_t n_in)
    : hidden_(hidden),
      n_in_(n_in),
      ih_(weight_ih, bias_ih, 3 * hidden, n_in),
      hh_(weight_hh, bias_hh, 3 * hidden, hidden),
      bias_hh_(bias_hh, bias_hh + 3 * hidden) {}

void PackedGru::apply(std::span<const std::int64_t> batch_sizes, const float* x,
                      const std::function<void(float*, std::int64_t)>& prepare, float* states) const {
  const std::size_t n_steps = batch_sizes.size();
  std::vector<float> y, from_input, from_state(static_cast<std::size_t>(batch_sizes[0] * 3 * hidden_));
  std::int64_t before = 0;  // where the states of the step before begin
  std::int64_t begin = 0;
  for (std::size_t first = 0; first < n_steps;) {
    std::size_t last = first;
    std::int64_t n_rows = 0;
    while (last < n_steps && (n_rows == 0 || n_rows + batch_sizes[last] <= kRowsAtATime)) n_rows += batch_sizes[last++];
    const float* rows = x + begin * n_in_;
    if (prepare) {
      y.assign(rows, rows + n_rows * n_in_);
      prepare(y.data(), n_rows);
      rows = y.data();
    }
    from_input.resize(static_cast<std::size_t>(n_rows * 3 * hidden_));
    ih_.apply(rows, n_rows, from_input.data());
    const float* input = from_input.data();
    for (std::size_t t = first; t < last; ++t) {
      GateForward<float> step;
      step.n_rows = batch_sizes[t];
      step.hidden = hidden_;
      step.from_input = input;
      step.from_state = bias_hh_.data();
      if (t > 0) {
        step.state = states + before * hidden_;
        hh_.apply(step.state, batch_sizes[t], from_state.data());
        step.from_state = from_state.data();
      }
      step.next_state = states + begin * hidden_;
      gate_forward(step);
      input += batch_sizes[t] * 3 * hidden_;
      before = begin;
      begin += batch_sizes[t];
    }
    first = last;
  }
}

}  // namespace segue::models
