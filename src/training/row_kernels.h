#pragma once

#include <cstdint>

#include "training/training_options.h"

namespace segue::training {

// Loops over one row of scores or one run of parameters, in plain C++ that the compiler turns into vector code of the
// machine it runs on (AVX-512, AVX2 or SSE2 clones of each). No LibTorch. Which clone runs decides the last bits: the
// promise of equal bits is per instruction set.

/// Softmax cross-entropy of one row and its gradient.
/// @param logits     [n]; holds scale * (softmax - wanted) afterwards, where wanted = (1 - smoothing) at target +
/// smoothing / n
/// @return           the loss of the row (not scaled)
double cross_entropy_row(float* logits, std::int64_t n, std::int64_t target, float smoothing, float scale);

/// out[i] = x[i] of bfloat16 bits; and back, rounded to nearest even.
void widen_row(const std::uint16_t* x, float* out, std::int64_t n);
void narrow_row(const float* x, std::uint16_t* out, std::int64_t n);

struct SampledRow {
  Loss loss;
  float bpr_regularization;
  float score_elu;
  std::int32_t target;
  std::int32_t group = -1;  ///< of the position; negatives of this group never count, as those equal to the target
};

/// One position's sampled loss and its gradient (formulas: losses.h).
/// @param scores    [m] of the negatives; their gradient times `scale` afterwards
/// @param negatives [m] items
/// @param groups    [m] of the negatives (-1: none), or null
/// @param log_q     [m], sampled softmax; else null
/// @param positive  score of the target; its gradient times `scale` afterwards
/// @param scratch   [2 m]
/// @return          the loss of the row (not scaled)
double sampled_loss_row(const SampledRow& row, float* scores, const std::int32_t* negatives, const std::int32_t* groups,
                        const float* log_q, std::int64_t m, float* positive, float scale, float* scratch);

/// sum of squares in double
double squared_norm(const float* x, std::int64_t n);

struct AdamWStep {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  float correction1, correction2;  ///< 1 - beta1^t, 1 - beta2^t
  float gradient_scale;            ///< from clipping
};
void adamw_update(const AdamWStep& step, float* parameter, const float* gradient, float* mean, float* square,
                  std::int64_t n);

struct AdagradStep {
  float learning_rate, epsilon, weight_decay, momentum, gradient_scale;
};
/// `velocity` may be null when momentum is 0.
void adagrad_update(const AdagradStep& step, float* parameter, const float* gradient, float* square, float* velocity,
                    std::int64_t n);

struct SgdStep {
  float learning_rate, weight_decay, momentum, gradient_scale;
};
void sgd_update(const SgdStep& step, float* parameter, const float* gradient, float* velocity, std::int64_t n);

/// average += (1 - decay) (parameter - average)
void average_update(float decay, const float* parameter, float* average, std::int64_t n);
/// y += x
void add_row(const float* x, float* y, std::int64_t n);

}  // namespace segue::training
