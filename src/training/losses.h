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
  at::Tensor visited_items;    ///< [visited_offsets[n]] int64; rows >= n_items are passed over
};

struct CrossEntropyOptions {
  double label_smoothing = 0;   ///< this share of the target's mass is spread evenly over the catalogue
  bool bf16 = false;            ///< GEMMs on bfloat16 values; the log-sum-exp stays in float32
  std::int64_t chunk_rows = 0;  ///< positions whose logits are held at once; 0: from the size of the catalogue
};

/// Mean softmax cross-entropy over the whole catalogue, differentiable in every tensor of the layer. Positions go
/// through in chunks, and the gradient is formed in the forward pass while a chunk's logits are at hand: memory is
/// chunk_rows x n_items, never n x n_items.
/// @param targets  [n] int64 in [0, n_items)
at::Tensor cross_entropy(const OutputLayer& layer, const at::Tensor& targets, const CrossEntropyOptions& options);

/// The output layer for losses on sampled items. One matrix holds the vectors of the targets and of the drawn items, so
/// that one look-up, and one row-sparse gradient, serve both.
struct SampledLayer {
  at::Tensor vectors;       ///< [n, e]
  at::Tensor item_vectors;  ///< [n + m, e]: of each position's target, then of the m drawn items
  at::Tensor item_bias;     ///< [n + m], or undefined
  at::Tensor items;         ///< [n + m] int64, which items these are
  /// Negatives are the drawn items alone, or with this all n + m; those equal to a position's target never count for
  /// it.
  bool targets_are_negatives = false;
};

struct SampledLossOptions {
  Loss loss = Loss::kSampledSoftmax;
  double bpr_regularization = 1.0;
  double score_elu = 0;  ///< BPR-max, TOP1-max: scores pass through elu with this alpha; 0: as they are
  bool bf16 = false;     ///< GEMMs on bfloat16 values
};

/// Mean over positions of a loss on one positive and m shared negatives, with r the scores, s_j the softmax over the
/// negatives:
///
///   sampled softmax  -r_i + log(exp r_i + sum_j exp(r_j - log_q_j))       log_q_j = log of the expected count of j
///   among the
///                    draws. Only negatives are corrected: the positive is always there, it was not drawn (arXiv
///                    2507.09331)
///   BPR-max          -log sum_j s_j sigmoid(r_i - r_j) + bpr_regularization sum_j s_j r_j^2
///   TOP1-max         sum_j s_j (sigmoid(r_j - r_i) + sigmoid(r_j^2))      (both: Hidasi & Karatzoglou 2018)
///
/// A position whose negatives are all equal to its target has loss 0. Differentiable in vectors and biases.
/// @param log_q  [number of negatives] float32, sampled softmax only; undefined: no correction
at::Tensor sampled_loss(const SampledLayer& layer, const at::Tensor& log_q, const SampledLossOptions& options);

}  // namespace segue::training
