#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "batching/batch.h"
#include "training/training_options.h"

namespace segue::training {

/// The output layer over the whole catalogue: logit[p, j] = <vectors[p], items[j]> + bias[j], plus the visited weights.
struct OutputLayer {
  at::Tensor vectors;          ///< [n, e] float32, one row a position that has a target
  at::Tensor items;            ///< [n_items, e] float32
  at::Tensor bias;             ///< [n_items], or undefined
  at::Tensor visited_weights;  ///< [2], or undefined: added to the current item, and to items visited earlier
  at::Tensor visited_offsets;  ///< [n + 1] int64, CSR over the rows of `vectors`; first of each row is the current item
  at::Tensor visited_items;    ///< [visited_offsets[n]] int64; rows >= n_items are passed over. Both on the host
  at::Tensor weights = {};     ///< [n] float32 of the positions in the mean, or undefined: 1
};

struct CrossEntropyOptions {
  double label_smoothing = 0;   ///< this share of the target's mass is spread evenly over the catalogue
  bool bf16 = false;            ///< GEMMs on bfloat16 values; the log-sum-exp stays in float32
  std::int64_t chunk_rows = 0;  ///< positions whose logits are held at once; 0: from the size of the catalogue
};

/// Softmax cross-entropy, weighted and divided by the number of positions, over the whole catalogue, differentiable in
/// every tensor of the layer. Positions go through in chunks, and the gradient is formed in the forward pass while a
/// chunk's logits are at hand: memory is chunk_rows x n_items, never n x n_items.
/// @param targets  [n] int64 in [0, n_items)
at::Tensor cross_entropy(const OutputLayer& layer, const at::Tensor& targets, const CrossEntropyOptions& options);

/// The output layer for losses on sampled items. One matrix holds the vectors of the targets and of the other items, so
/// that one look-up, and one row-sparse gradient, serve both.
struct SampledLayer {
  at::Tensor vectors;       ///< [n, e]
  at::Tensor item_vectors;  ///< [n + m, e]: of each position's target, then of the m items drawn or remembered
  at::Tensor item_bias;     ///< [n + m], or undefined
  at::Tensor items;         ///< [n + m] int64, which items these are
  /// Negatives are the m items alone, or with this all n + m; those equal to a position's target never count for it.
  bool targets_are_negatives = false;
  /// [n] int32, the sequence of each position, or undefined. With it, targets of a position's own sequence do not count
  /// as its negatives: they are there because it is, not by chance, and no correction for chance would fit them.
  at::Tensor groups = {};
  at::Tensor weights = {};  ///< [n] float32 of the positions in the mean, or undefined: 1
};

struct SampledLossOptions {
  Loss loss = Loss::kSampledSoftmax;
  double bpr_regularization = 1.0;
  double score_elu = 0;           ///< BPR-max, TOP1-max: scores pass through elu with this alpha; 0: as they are
  bool bf16 = false;              ///< GEMMs on bfloat16 values
  bool correct_positive = false;  ///< the positive's score is corrected too (Yi et al. 2019): for comparison, biased
};

/// Sum over positions of weight times loss, divided by n, of a loss on one positive and m shared negatives, with r the
/// scores, s_j the softmax over the negatives:
///
///   sampled softmax  -r_i + log(exp r_i + sum_j exp(r_j - log_q_j))       log_q_j = log of the expected count of j
///   among the
///                    negatives. Only negatives are corrected: the positive is always there, it was not drawn (arXiv
///                    2507.09331)
///   BPR-max          -log sum_j s_j sigmoid(r_i - r_j) + bpr_regularization sum_j s_j r_j^2
///   TOP1-max         sum_j s_j (sigmoid(r_j - r_i) + sigmoid(r_j^2))      (both: Hidasi & Karatzoglou 2018)
///
/// A position whose negatives are all equal to its target has loss 0. Differentiable in vectors and biases.
/// @param log_q  [n + m] float32, sampled softmax only; undefined: no correction
at::Tensor sampled_loss(const SampledLayer& layer, const at::Tensor& log_q, const SampledLossOptions& options);

}  // namespace segue::training
