#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "batching/batch.h"
#include "dataset/dataset.h"

namespace segue::batching {

struct BatchSourceOptions {
  std::int64_t batch_sequences = 256;  ///< sequences a batch at most; 0: by positions only
  std::int64_t batch_positions = 0;    ///< positions a batch at most; 0: no limit
  std::int64_t max_length = 200;    ///< longer sequences are cut to their last max_length inputs (or cropped at random)
  double random_crop = 0;           ///< share of longer sequences cropped at random
  double length_jitter = 4;         ///< events of noise on the length when bucketing
  bool include_validation = false;  ///< train on events before valid_end
  bool visited = false;
  bool example_age = false;       ///< fill Batch::example_age; needs event times
  bool reward_weighting = false;  ///< fill Batch::weights by the rewards of events over their mean; needs rewards
  std::int64_t targets_per_sequence = 0;  ///< so many targets of a sequence an epoch, drawn anew; 0: all of them
};

/// The training batches of an epoch, in an order fixed by (seed, epoch) alone, made ahead on one thread.
class BatchSource {
 public:
  BatchSource(const Dataset& dataset, BatchSourceOptions options, std::uint64_t seed);
  ~BatchSource();
  [[nodiscard]] std::int64_t n_batches(std::int64_t epoch);
  /// Begins `epoch` at batch `first` (resume).
  void start(std::int64_t epoch, std::int64_t first = 0);
  bool next(Batch& batch);  ///< false at the end of the epoch
  /// Targets of an epoch that are known items.
  [[nodiscard]] std::int64_t n_targets(std::int64_t epoch);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Columns of a dataset, for make_batch.
FeatureColumns feature_columns(const Dataset& dataset);

}  // namespace segue::batching
