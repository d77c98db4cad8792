#include "models/model_scorer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <stdexcept>

#include "batching/batch_source.h"
#include "kernels/top_k.h"

namespace segue::models {

struct ModelScorer::State {
  GruSession& model;
  const Dataset& dataset;
  std::int64_t max_length;
  int n_threads;
  std::string name;
  batching::FeatureColumns columns;
  at::Tensor vectors, bias;
  float current_weight = 0, earlier_weight = 0;
};

ModelScorer::ModelScorer(GruSession& model, const Dataset& dataset, std::int64_t max_length, int n_threads,
                         std::string name)
    : state_(new State{
          model, dataset, max_length, n_threads, std::move(name), batching::feature_columns(dataset), {}, {}}) {
  if (max_length < 1) throw std::invalid_argument("ModelScorer: max_length must be at least 1");
  if (model.n_items() != dataset.n_items()) {
    throw std::invalid_argument("ModelScorer: the model knows " + std::to_string(model.n_items()) +
                                " items, the dataset " + std::to_string(dataset.n_items()));
  }
  refresh();
}

ModelScorer::~ModelScorer() = default;

std::string ModelScorer::name() const { return state_->name; }

void ModelScorer::refresh() {
  const at::NoGradGuard no_grad;
  GruSession& model = state_->model;
  state_->vectors = model.item_vectors().detach().to(at::kCPU).contiguous();
  state_->bias = model.output_bias();
  if (state_->bias.defined()) state_->bias = state_->bias.detach().to(at::kCPU).contiguous();
  const at::Tensor weights = model.visited_weights();
  if (weights.defined()) {
    const at::Tensor host = weights.detach().to(at::kCPU);
    state_->current_weight = host.const_data_ptr<float>()[0];
    state_->earlier_weight = host.const_data_ptr<float>()[1];
  }
}

namespace {

/// Inputs [begin, end) that answer the queries [first_query, last_query), all of one sequence.
struct Window {
  std::int64_t begin = 0, end = 0;
  std::size_t first_query = 0, last_query = 0;
};

/// One window serves all queries of a sequence that see it from its first event; a history that was cut needs its own.
std::vector<Window> windows_of(std::span<const ranking::Query> queries, std::int64_t max_length) {
  std::vector<Window> windows;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const ranking::Query& query = queries[q];
    if (query.position <= query.begin) {
      throw std::invalid_argument("ModelScorer: query " + std::to_string(q) + " has no history");
    }
    const std::int64_t begin = std::max(query.begin, query.position - max_length);
    if (!windows.empty() && queries[windows.back().first_query].sequence == query.sequence &&
        windows.back().begin == begin && query.position >= windows.back().end) {
      windows.back().end = query.position;
      windows.back().last_query = q + 1;
    } else {
      windows.push_back({begin, query.position, q, q + 1});
    }
  }
  return windows;
}

}  // namespace

void ModelScorer::score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) {
  if (queries.empty()) return;
  const at::NoGradGuard no_grad;
  const auto rows = state_->dataset.item_rows();
  const std::vector<Window> windows = windows_of(queries, state_->max_length);
  std::vector<batching::SequenceView> views;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const Window& window = windows[w];
    const bool more = window.end < static_cast<std::int64_t>(rows.size());
    views.push_back({static_cast<std::int64_t>(w), rows.data() + window.begin, window.end - window.begin, more ? 1 : 0,
                     window.begin});
  }
  batching::BatchOptions options;
  options.n_items = state_->dataset.n_items();
  const batching::Batch batch = batching::make_batch(std::move(views), state_->columns, options);

  // Packed position of each query's last input.
  std::vector<std::int64_t> step_begins{0}, positions(queries.size());
  const auto* sizes = batch.batch_sizes.const_data_ptr<std::int64_t>();
  for (std::int64_t step = 0; step < batch.batch_sizes.size(0); ++step)
    step_begins.push_back(step_begins.back() + sizes[step]);
  for (std::size_t row = 0; row < batch.sequences.size(); ++row) {
    const Window& window = windows[static_cast<std::size_t>(batch.sequences[row])];
    for (std::size_t q = window.first_query; q < window.last_query; ++q) {
      const std::int64_t step = queries[q].position - 1 - window.begin;
      positions[q] = step_begins[static_cast<std::size_t>(step)] + static_cast<std::int64_t>(row);
    }
  }
  const at::Device device = state_->model.device();
  const at::Tensor index = at::tensor(positions, at::kLong).to(device);
  const at::Tensor vectors =
      state_->model.forward(batch.to(device), false).index_select(0, index).to(at::kCPU).contiguous();

  kernels::ItemMatrix items;
  items.vectors = {state_->vectors.const_data_ptr<float>(), state_->vectors.size(0), state_->vectors.size(1)};
  if (state_->bias.defined()) items.bias = state_->bias.const_data_ptr<float>();
  kernels::Device kernel_device;
  kernel_device.n_threads = state_->n_threads;
  kernels::score_all({vectors.const_data_ptr<float>(), vectors.size(0), vectors.size(1)}, items, scores, kernel_device);

  if (!state_->model.options().visited_weights) return;
  std::vector<std::size_t> seen_by(static_cast<std::size_t>(options.n_items), queries.size());
  for (const Window& window : windows) {
    for (std::size_t q = window.first_query; q < window.last_query; ++q) {
      float* row = scores.row(static_cast<std::int64_t>(q));
      for (std::int64_t event = queries[q].position - 1; event >= window.begin; --event) {
        const ItemRow item = rows[static_cast<std::size_t>(event)];
        if (item >= options.n_items || seen_by[static_cast<std::size_t>(item)] == q) continue;
        seen_by[static_cast<std::size_t>(item)] = q;
        row[item] += event == queries[q].position - 1 ? state_->current_weight : state_->earlier_weight;
      }
    }
  }
}

}  // namespace segue::models
