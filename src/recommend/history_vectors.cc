#include "recommend/history_vectors.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <span>

#include "batching/batch.h"
#include "collaborative/history_items.h"

namespace segue::recommend {
namespace {

std::vector<float> by_inference(const BundleModel& model, const HistoryChunk& chunk, const ModelInput& input,
                                std::size_t first, std::size_t n, std::int64_t max_length) {
  const at::NoGradGuard no_grad;
  std::vector<batching::SequenceView> views;
  for (std::size_t h = 0; h < n; ++h) {
    const auto& history = chunk.histories[first + h];
    const auto length = std::min(static_cast<std::int64_t>(history.n_events), max_length);
    batching::SequenceView view;
    view.sequence = static_cast<std::int64_t>(h);
    view.offset = static_cast<std::int64_t>(history.begin + history.n_events) - length;
    view.items = input.items.data() + view.offset;
    view.length = length;
    view.n_more = history.has_request ? 1 : 0;
    views.push_back(view);
  }
  batching::FeatureColumns columns;
  columns.specs = model.model.by_gradient->features();
  for (std::size_t f = 0; f < columns.specs.size(); ++f) {
    const bool categorical = columns.specs[f].categorical;
    columns.codes.push_back(categorical ? input.features[f].codes.data() : nullptr);
    columns.values.push_back(categorical ? nullptr : input.features[f].values.data());
  }
  batching::BatchOptions options;
  options.n_items = model.bundle.items.size();
  const auto batch = batching::make_batch(std::move(views), columns, options);
  const auto dim = static_cast<std::size_t>(model.dim());
  std::vector<float> sorted(n * dim), vectors(n * dim);
  model.inference->last(batch, sorted.data());
  for (std::size_t row = 0; row < n; ++row) {
    std::copy_n(sorted.data() + row * dim, dim, vectors.data() + static_cast<std::size_t>(batch.sequences[row]) * dim);
  }
  return vectors;
}

}  // namespace

std::vector<float> history_vectors(const BundleModel& model, const HistoryChunk& chunk, const ModelInput& input,
                                   std::size_t first, std::size_t n, std::int64_t max_length) {
  if (model.inference) return by_inference(model, chunk, input, first, n, max_length);
  std::vector<std::span<const ItemRow>> histories;
  for (std::size_t h = first; h < first + n; ++h) {
    const auto& history = chunk.histories[h];
    histories.push_back(std::span(input.items).subspan(history.begin, history.n_events));
  }
  std::vector<float> vectors(n * static_cast<std::size_t>(model.dim()));
  model.model.filter->history_vectors(histories, vectors);
  return vectors;
}

std::vector<ItemRow> visited_items(const BundleModel& model, const HistoryChunk::History& history,
                                   const ModelInput& input, std::int64_t max_length) {
  auto events = std::span(input.items).subspan(history.begin, history.n_events);
  const auto limit = static_cast<std::size_t>(max_length);
  if (events.size() > limit) events = events.last(limit);
  return collaborative::distinct_items(events, model.bundle.items.size());
}

}  // namespace segue::recommend
