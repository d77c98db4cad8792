#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "batching/batch.h"
#include "models/model.h"

namespace segue::models {

/// What a model reads of events, for inference by own arithmetic: rows of its tables, copied side by side.
class PackedEvents {
 public:
  PackedEvents() = default;
  /// @param model          its parameters item_embedding, item_features.* and features.*
  /// @param id_row         row of an item (n_items: unknown) in the table of embeddings
  PackedEvents(const Model& model, std::int64_t embedding_dim, const std::function<std::int64_t(std::int64_t)>& id_row);

  /// [embedding of the item; its features; history features of the event] of every position.
  /// @param out  a row every `stride` numbers, past_dim() of which are written
  /// @throws std::invalid_argument  the batch has other features than the model, or rows and codes out of range
  void past(const batching::Batch& batch, float* out, std::int64_t stride) const;
  /// Context features of the event after each of the positions, [positions.size()] rows of context_dim().
  void context(const batching::Batch& batch, std::span<const std::int64_t> positions, float* out,
               std::int64_t stride) const;
  [[nodiscard]] std::int64_t past_dim() const { return past_dim_; }
  [[nodiscard]] std::int64_t context_dim() const { return context_dim_; }

 private:
  /// Where a feature's numbers come from: a table, or the value itself.
  struct Feature {
    bool categorical = true;
    std::int64_t width = 1, n_codes = 0;
    std::vector<float> table;
    void copy(const at::Tensor& column, std::int64_t position, float* out) const;
  };
  std::int64_t n_items_ = 0, item_dim_ = 0, past_dim_ = 0, context_dim_ = 0;
  std::vector<float> items_;  // [n_items + 1, item_dim]: an item's embedding and features, copied at once
  std::vector<Feature> history_, context_;
};

}  // namespace segue::models
