#include "models/model_scorer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <vector>

#include "batching/batch_source.h"
#include "batching/upload.h"
#include "kernels/top_k.h"
#include "support/threads.h"

namespace segue::models {
namespace {

/// Inputs [begin, end) that answer the queries [first_query, last_query), all of one sequence.
struct Window {
  std::int64_t begin = 0, end = 0;
  std::size_t first_query = 0, last_query = 0;
};

}  // namespace

struct ModelScorer::State {
  Model& model;
  const Dataset& dataset;
  std::int64_t max_length;
  int n_threads;
  batching::FeatureColumns columns;
  at::Tensor item_vectors, item_bias;
  float current_weight = 0, earlier_weight = 0;
  std::unique_ptr<Inference> inference = nullptr;  // of a model on a CPU

  [[nodiscard]] std::vector<float> infer(std::vector<Window> windows, std::span<const ranking::Query> queries) const;
  [[nodiscard]] std::vector<float> forward(std::span<const Window> windows,
                                           std::span<const ranking::Query> queries) const;
};

ModelScorer::ModelScorer(Model& model, const Dataset& dataset, std::int64_t max_length, int n_threads)
    : state_(new State{model, dataset, max_length, n_threads, batching::feature_columns(dataset), {}, {}}) {
  if (max_length < 1) throw std::invalid_argument("ModelScorer: max_length must be at least 1");
  if (model.n_items() != dataset.n_items()) {
    throw std::invalid_argument("ModelScorer: the model knows " + std::to_string(model.n_items()) +
                                " items, the dataset " + std::to_string(dataset.n_items()));
  }
  refresh();
}

ModelScorer::~ModelScorer() = default;

std::string ModelScorer::name() const { return state_->model.kind(); }

void ModelScorer::refresh() {
  const at::NoGradGuard no_grad;
  Model& model = state_->model;
  // Copies: parameters that change must not show before the next refresh.
  state_->item_vectors = model.item_vectors().detach().clone().to(at::kCPU).contiguous();
  state_->item_bias = model.output_bias();
  if (state_->item_bias.defined()) state_->item_bias = state_->item_bias.detach().clone().to(at::kCPU);
  const at::Tensor weights = model.visited_weights();
  if (weights.defined()) {
    const at::Tensor host = weights.detach().to(at::kCPU);
    state_->current_weight = host.const_data_ptr<float>()[0];
    state_->earlier_weight = host.const_data_ptr<float>()[1];
  }
  state_->inference.reset();
  if (model.device().is_cpu()) state_->inference = model.make_inference();
}

namespace {

/// One window serves all queries of a sequence that see it from its first event; a history that was cut needs its own.
std::vector<Window> windows_of(std::span<const ranking::Query> queries, std::int64_t max_length,
                               std::int64_t n_events) {
  std::vector<Window> windows;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const ranking::Query& query = queries[q];
    if (query.position <= query.begin) {
      throw std::invalid_argument("ModelScorer: query " + std::to_string(q) + " has no history");
    }
    if (query.begin < 0 || query.position > n_events) {
      throw std::invalid_argument("ModelScorer: query " + std::to_string(q) + " lies outside of the dataset's events");
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

/// What one batch computes: windows [begin, end) of a list of them.
struct Block {
  std::size_t begin = 0, end = 0;
};

/// Cuts windows into blocks of a bounded number of positions, so that the memory of their forward is bounded too.
std::vector<Block> blocks_of(std::span<const Window> windows, std::size_t most_windows, std::int64_t most_positions) {
  std::vector<Block> blocks;
  std::int64_t n_positions = 0;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const std::int64_t length = windows[w].end - windows[w].begin;
    if (blocks.empty() || w - blocks.back().begin == most_windows || n_positions + length > most_positions) {
      blocks.push_back({w, w});
      n_positions = 0;
    }
    blocks.back().end = w + 1;
    n_positions += length;
  }
  return blocks;
}

/// A batch of windows, and the packed position of the last input of each of their queries.
struct QueryBatch {
  batching::Batch batch;
  std::vector<std::size_t> queries;
  std::vector<std::int64_t> positions;
};

QueryBatch make_query_batch(std::span<const Window> windows, std::span<const ranking::Query> queries,
                            const Dataset& dataset, const batching::FeatureColumns& columns) {
  const auto rows = dataset.item_rows();
  std::vector<batching::SequenceView> views;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    const Window& window = windows[w];
    const bool more = window.end < static_cast<std::int64_t>(rows.size());
    views.push_back({static_cast<std::int64_t>(w), rows.data() + window.begin, window.end - window.begin, more ? 1 : 0,
                     window.begin});
  }
  batching::BatchOptions options;
  options.n_items = dataset.n_items();
  QueryBatch made;
  made.batch = batching::make_batch(std::move(views), columns, options);
  const batching::Batch& batch = made.batch;
  std::vector<std::int64_t> step_begins{0};
  const auto* sizes = batch.batch_sizes.const_data_ptr<std::int64_t>();
  for (std::int64_t step = 0; step < batch.batch_sizes.size(0); ++step)
    step_begins.push_back(step_begins.back() + sizes[step]);
  for (std::size_t row = 0; row < batch.sequences.size(); ++row) {
    const Window& window = windows[static_cast<std::size_t>(batch.sequences[row])];
    for (std::size_t q = window.first_query; q < window.last_query; ++q) {
      const std::int64_t step = queries[q].position - 1 - window.begin;
      made.queries.push_back(q);
      made.positions.push_back(step_begins[static_cast<std::size_t>(step)] + static_cast<std::int64_t>(row));
    }
  }
  return made;
}

}  // namespace

/// Session vectors of the queries, [n_queries, e]: windows in blocks, each on one thread.
std::vector<float> ModelScorer::State::infer(std::vector<Window> windows,
                                             std::span<const ranking::Query> queries) const {
  const auto e = static_cast<std::size_t>(inference->vector_dim());
  std::vector<float> vectors(queries.size() * e);
  // Windows of like length run together to their end. Which ones do cannot show: their bits do not depend on it.
  std::stable_sort(windows.begin(), windows.end(),
                   [](const Window& a, const Window& b) { return a.end - a.begin > b.end - b.begin; });
  const std::vector<Block> blocks = blocks_of(windows, 32, 4096);
  const auto n_workers = std::min<std::int64_t>(n_threads, static_cast<std::int64_t>(blocks.size()));
  std::atomic<std::size_t> next{0};
  parallel_ranges(n_workers, 1, n_threads, [&](std::int64_t, std::int64_t, int) {
    const at::NoGradGuard no_grad;  // counts for its thread alone
    std::vector<float> made;
    for (std::size_t b = next++; b < blocks.size(); b = next++) {
      const auto block = std::span(windows).subspan(blocks[b].begin, blocks[b].end - blocks[b].begin);
      const QueryBatch batch = make_query_batch(block, queries, dataset, columns);
      made.resize(batch.queries.size() * e);
      inference->at_positions(batch.batch, batch.positions, made.data());
      for (std::size_t i = 0; i < batch.queries.size(); ++i)
        std::copy_n(made.data() + i * e, e, vectors.data() + batch.queries[i] * e);
    }
  });
  return vectors;
}

/// The same by ATen, on the model's device.
std::vector<float> ModelScorer::State::forward(std::span<const Window> windows,
                                               std::span<const ranking::Query> queries) const {
  const at::NoGradGuard no_grad;
  const at::Device device = model.device();
  const auto e = static_cast<std::size_t>(item_vectors.size(1));
  std::vector<float> vectors(queries.size() * e);
  for (const auto& [begin, end] : blocks_of(windows, windows.size(), 1 << 16)) {
    const QueryBatch batch = make_query_batch(windows.subspan(begin, end - begin), queries, dataset, columns);
    const at::Tensor index = batching::upload(at::tensor(batch.positions, at::kLong), device);
    const at::Tensor made =
        model.forward(batch.batch.to(device), false).index_select(0, index).to(at::kCPU).contiguous();
    for (std::size_t i = 0; i < batch.queries.size(); ++i)
      std::copy_n(made.const_data_ptr<float>() + i * e, e, vectors.data() + batch.queries[i] * e);
  }
  return vectors;
}

void ModelScorer::score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) {
  if (queries.empty()) return;
  const std::vector<Window> windows = windows_of(queries, state_->max_length, state_->dataset.n_events());
  const std::vector<float> vectors =
      state_->inference ? state_->infer(windows, queries) : state_->forward(windows, queries);

  kernels::ItemMatrix items;
  items.vectors = {state_->item_vectors.const_data_ptr<float>(), state_->item_vectors.size(0),
                   state_->item_vectors.size(1)};
  if (state_->item_bias.defined()) items.bias = state_->item_bias.const_data_ptr<float>();
  kernels::Device kernel_device;
  kernel_device.n_threads = state_->n_threads;
  kernels::score_all({vectors.data(), static_cast<std::int64_t>(queries.size()), items.vectors.n_cols}, items, scores,
                     kernel_device);

  if (!state_->model.visited_weights().defined()) return;
  const auto rows = state_->dataset.item_rows();
  const ItemRow n_items = state_->dataset.n_items();
  std::vector<std::size_t> seen_by(static_cast<std::size_t>(n_items), queries.size());
  for (const Window& window : windows) {
    for (std::size_t q = window.first_query; q < window.last_query; ++q) {
      float* row = scores.row(static_cast<std::int64_t>(q));
      for (std::int64_t event = queries[q].position - 1; event >= window.begin; --event) {
        const ItemRow item = rows[static_cast<std::size_t>(event)];
        if (item >= n_items || seen_by[static_cast<std::size_t>(item)] == q) continue;
        seen_by[static_cast<std::size_t>(item)] = q;
        row[item] += event == queries[q].position - 1 ? state_->current_weight : state_->earlier_weight;
      }
    }
  }
}

}  // namespace segue::models
