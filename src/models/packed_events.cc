#include "models/packed_events.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

namespace segue::models {
namespace {

/// What mean_of_codes() gives for every item and the unknown one, [n_items + 1, width].
std::vector<float> means_of_codes(const at::Tensor& weight, const at::Tensor& codes, const at::Tensor& offsets) {
  const auto width = static_cast<std::size_t>(weight.size(1));
  const auto* ends = offsets.const_data_ptr<std::int64_t>();
  const auto n_rows = static_cast<std::size_t>(offsets.size(0) - 1);
  std::vector<float> means(n_rows * width);
  for (std::size_t row = 0; row < n_rows; ++row) {
    if (ends[row] == ends[row + 1]) continue;
    float* mean = means.data() + row * width;
    for (auto i = ends[row]; i < ends[row + 1]; ++i) {
      const float* code = weight.const_data_ptr<float>() + codes.const_data_ptr<std::int64_t>()[i] * weight.size(1);
      for (std::size_t j = 0; j < width; ++j) mean[j] += code[j];
    }
    const auto n = static_cast<float>(ends[row + 1] - ends[row]);
    for (std::size_t j = 0; j < width; ++j) mean[j] /= n;
  }
  return means;
}

}  // namespace

PackedEvents::PackedEvents(const Model& model, std::int64_t embedding_dim,
                           const std::function<std::int64_t(std::int64_t)>& id_row)
    : n_items_(model.n_items()) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model.parameters()) tensors[name] = tensor.detach().to(at::kCPU).contiguous();
  item_dim_ = embedding_dim;
  for (const auto& spec : model.item_features().specs)
    item_dim_ += spec.categorical ? tensors.at("item_features." + spec.name + ".weight").size(1) : 1;
  items_.resize(static_cast<std::size_t>((n_items_ + 1) * item_dim_));
  std::int64_t column = 0;
  // Columns `column` and on of every item: the row of `table` that is the item's.
  const auto place = [&](const float* table, std::int64_t width, const auto& row_of) {
    for (std::int64_t item = 0; item <= n_items_; ++item)
      std::copy_n(table + row_of(item) * width, width, items_.data() + item * item_dim_ + column);
    column += width;
  };
  place(tensors.at("item_embedding.weight").const_data_ptr<float>(), embedding_dim, id_row);
  for (std::size_t f = 0; f < model.item_features().specs.size(); ++f) {
    const auto& feature = model.item_features().specs[f];
    const at::Tensor table = model.item_features().tables[f].to(at::kCPU).contiguous();
    if (feature.multiple) {
      const at::Tensor& embedding = tensors.at("item_features." + feature.name + ".weight");
      const auto means = means_of_codes(embedding, table, model.item_features().offsets[f].to(at::kCPU));
      place(means.data(), embedding.size(1), [](std::int64_t item) { return item; });
    } else if (feature.categorical) {
      const at::Tensor& embedding = tensors.at("item_features." + feature.name + ".weight");
      const auto* codes = table.const_data_ptr<std::int64_t>();
      place(embedding.const_data_ptr<float>(), embedding.size(1), [&](std::int64_t item) { return codes[item]; });
    } else {
      place(table.const_data_ptr<float>(), 1, [](std::int64_t item) { return item; });
    }
  }
  past_dim_ = item_dim_;
  for (const auto& feature : model.features()) {
    if (!feature.history && !feature.context) continue;
    Feature from;
    from.categorical = feature.categorical;
    if (feature.categorical) {
      const at::Tensor& table = tensors.at("features." + feature.name + ".weight");
      from.table.assign(table.const_data_ptr<float>(), table.const_data_ptr<float>() + table.numel());
      from.n_codes = table.size(0);
      from.width = table.size(1);
    }
    if (feature.history) past_dim_ += from.width;
    if (feature.context) context_dim_ += from.width;
    if (feature.history) history_.push_back(from);
    if (feature.context) context_.push_back(from);
  }
}

void PackedEvents::Feature::copy(const at::Tensor& column, std::int64_t position, float* out) const {
  if (!categorical) {
    *out = column.const_data_ptr<float>()[position];
    return;
  }
  const std::int64_t code = column.const_data_ptr<std::int64_t>()[position];
  if (code < 0 || code >= n_codes) throw std::invalid_argument("PackedEvents: feature code out of range");
  std::copy_n(table.data() + code * width, width, out);
}

void PackedEvents::past(const batching::Batch& batch, float* out, std::int64_t stride) const {
  if (batch.history.size() != history_.size())
    throw std::invalid_argument("PackedEvents: the batch has other history features than the model");
  const std::int64_t n = batch.n_positions();
  const auto* rows = batch.items.const_data_ptr<std::int64_t>();
  for (std::int64_t p = 0; p < n; ++p) {
    if (rows[p] < 0 || rows[p] > n_items_) throw std::invalid_argument("PackedEvents: item row out of range");
    std::copy_n(items_.data() + rows[p] * item_dim_, item_dim_, out + p * stride);
  }
  std::int64_t column = item_dim_;
  for (std::size_t f = 0; f < history_.size(); ++f) {
    for (std::int64_t p = 0; p < n; ++p) history_[f].copy(batch.history[f], p, out + p * stride + column);
    column += history_[f].width;
  }
}

void PackedEvents::context(const batching::Batch& batch, std::span<const std::int64_t> positions, float* out,
                           std::int64_t stride) const {
  if (batch.context.size() != context_.size())
    throw std::invalid_argument("PackedEvents: the batch has other context features than the model");
  std::int64_t column = 0;
  for (std::size_t f = 0; f < context_.size(); ++f) {
    for (std::size_t i = 0; i < positions.size(); ++i)
      context_[f].copy(batch.context[f], positions[i], out + static_cast<std::int64_t>(i) * stride + column);
    column += context_[f].width;
  }
}

}  // namespace segue::models
