#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "features/feature_pipeline.h"

namespace segue::batching {

/// Sequences of one batch, packed in time order: sequences are sorted by falling length, and position p runs over
/// (step, then sequence), so that step t holds the batch_sizes[t] sequences longer than t and no padding is stored or
/// computed. n_positions = sum of batch_sizes.
struct Batch {
  at::Tensor items;                 ///< [n_positions] int64, the item at each position (row; n_items = unknown)
  at::Tensor batch_sizes;           ///< [n_steps] int64, always on the CPU, falling
  std::vector<at::Tensor> history;  ///< one per feature with spec.history, [n_positions] int64 codes or float values
  std::vector<at::Tensor> context;  ///< one per feature with spec.context: the value of the NEXT event, same shapes
  at::Tensor targets;  ///< [n_positions] int64, the next item; -1: none, unknown to the training part, or not chosen
  at::Tensor example_age;  ///< [n_positions] float, days from the next event to the end of training; undefined: 0
  at::Tensor weights;      ///< [n_positions] float, weight of the target in the loss; undefined: 1
  at::Tensor visited_offsets,
      visited_items;                    ///< CSR over positions: distinct items seen up to and with the position, most
                                        ///< recent first (so the first is the current item); undefined unless asked for
  std::vector<std::int64_t> sequences;  ///< [batch_sizes[0]] dataset sequence of each batch row
  std::vector<std::int64_t> lengths;    ///< [batch_sizes[0]]
  std::int64_t n_targets = 0;           ///< targets >= 0

  [[nodiscard]] std::int64_t n_positions() const { return items.size(0); }
  /// Packed index of (row, step).
  [[nodiscard]] std::vector<std::int64_t> last_positions()
      const;  ///< [batch_sizes[0]] index of each row's last position
  /// With what a model reads (items, history, context, example_age) on a device. What is asked of it afterwards
  /// (targets, weights, visited) stays on the host: it is chosen there, and reading it back would wait for the device.
  [[nodiscard]] Batch to(at::Device device) const;
};

/// Events of one sequence as the model reads them; for requests that are not in a dataset too.
struct SequenceView {
  std::int64_t sequence = 0;             ///< for Batch::sequences
  const std::int32_t* items = nullptr;   ///< [length]
  std::int64_t length = 0;               ///< events that are input
  std::int64_t n_more = 0;               ///< events after the input that may be read for targets and context (0 or 1)
  std::int64_t offset = 0;               ///< of items[0] in the feature columns
  const std::uint8_t* chosen = nullptr;  ///< [length] whether the event after each is a target; null: all are
};

/// Where features of the events lie: from a Dataset or from a request. Either `codes` or `values` of each.
struct FeatureColumns {
  std::vector<features::FeatureSpec> specs;
  std::vector<const std::int32_t*> codes;
  std::vector<const float*> values;
};

struct BatchOptions {
  std::int32_t n_items = 0;                ///< rows >= n_items are unknown: never a target
  bool visited = false;                    ///< fill visited_*
  const std::int64_t* times_ms = nullptr;  ///< of the events, as the feature columns: fill example_age
  std::int64_t training_end_ms = 0;        ///< what example_age counts back from
  const float* rewards = nullptr;          ///< of the events: fill weights with reward / mean_reward
  double mean_reward = 1;
};

/// Packs sequences (any order; sorted here by falling length, stable). Targets and context of the last position come
/// from the one event more when n_more is 1; otherwise target -1, context code 0 and value 0.
Batch make_batch(std::vector<SequenceView> sequences, const FeatureColumns& features, const BatchOptions& options);

}  // namespace segue::batching
