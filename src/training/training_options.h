#pragma once

#include <cstdint>
#include <string>

#include "config/section.h"
#include "support/json.h"

namespace segue::training {

enum class Loss { kCrossEntropy, kSampledSoftmax, kBprMax, kTop1Max };
enum class OptimizerKind { kAdamW, kAdagrad, kSgd };
enum class Schedule { kConstant, kCosine };
/// What of a sampled softmax is corrected for how often items are among the negatives.
enum class LogQ { kNegatives, kBoth, kNone };
/// Where the shares of items among targets come from.
enum class ItemProbability { kCounts, kStreaming };
enum class Precision { kFloat32, kBFloat16 };

/// Section `training`.
struct TrainingOptions {
  std::int64_t epochs = 10;
  std::int64_t batch_sequences = 256;
  std::int64_t batch_positions = 0;  ///< 0: no limit
  std::int64_t max_length = 200;
  double random_crop = 0;
  bool include_validation = false;  ///< retrain on training + validation events, for a number of epochs chosen before

  Loss loss = Loss::kCrossEntropy;
  std::int64_t n_negatives = 2048;       ///< sampled losses: items a batch, shared by its positions
  double negative_alpha = 0.75;          ///< drawn by popularity^alpha
  std::int64_t n_uniform_negatives = 0;  ///< sampled_softmax: and so many drawn evenly
  bool in_batch_negatives = false;       ///< sampled_softmax: targets of other sequences of the batch too
  std::int64_t memory_size = 0;          ///< sampled_softmax: and so many targets of earlier updates
  LogQ log_q_correction = LogQ::kNegatives;
  ItemProbability item_probability = ItemProbability::kCounts;  ///< of targets, in and across batches
  bool reward_weighting = false;          ///< an example counts by its reward over the mean reward
  std::int64_t targets_per_sequence = 0;  ///< 0: all
  double bpr_regularization = 1.0;        ///< BPR-max
  double score_elu = 0;        ///< BPR-max, TOP1-max: scores pass through elu with this alpha; 0: as they are
  double label_smoothing = 0;  ///< cross-entropy

  OptimizerKind optimizer = OptimizerKind::kAdamW;
  double learning_rate = 1e-3;
  double weight_decay = 0.01;  ///< matrices only: not on embeddings, norms and biases
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, momentum = 0;
  double max_gradient_norm = 5;  ///< 0: no clipping
  std::int64_t warmup_steps = 100;
  Schedule schedule = Schedule::kConstant;
  double final_learning_rate = 0.01;  ///< cosine: share of learning_rate at the end
  double ema_decay = 0;  ///< 0: off; decay used is min(ema_decay, (1+s)/(10+s)); the average is evaluated and exported

  std::string metric = "ndcg@10";        ///< validation metric for `best` and early stopping
  std::int64_t evaluate_every = 1;       ///< epochs
  std::int64_t patience = 0;             ///< evaluations without a better metric before stopping; 0: never
  std::int64_t checkpoint_minutes = 10;  ///< also in mid-epoch
  std::int64_t max_steps = 0;            ///< stops after this many updates in all, for benchmarks; 0: no limit
  Precision precision = Precision::kFloat32;
  bool tf32 = true;  ///< CUDA
  void read(config::Section& section);
  /// All that decides the weights: what a resumed run must share with the run it continues.
  [[nodiscard]] Json to_json() const;
};

}  // namespace segue::training
