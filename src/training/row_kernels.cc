#include "training/row_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "support/instruction_sets.h"

// This file is compiled with reassociation allowed (CMakeLists.txt), so that sums become vector code; infinities and
// NaN are kept.
namespace segue::training {
namespace {

/// e^x to about 2 units in the last place: x = n ln 2 + r, a polynomial in r (Taylor with the error spread), 2^n by its
/// bits. Below -87 the result stays at 1e-38 rather than falling to 0; NaN stays NaN.
SEGUE_INLINE float exp_of(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float scaled = x * 1.44269504F;
  const auto n = static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5F : 0.5F));
  const float r = x - static_cast<float>(n) * 0.693147181F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  return p * std::bit_cast<float>((n + 127) << 23);
}

constexpr float kMasked = -1e30F;

SEGUE_INLINE float sigmoid_of(float x) { return 1.0F / (1.0F + exp_of(-x)); }

/// Sixteen running maxima: a single one would need reassociation that also forgets NaN.
SEGUE_INLINE float max_of(const float* x, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes];
  std::fill_n(lanes, kLanes, -std::numeric_limits<float>::infinity());
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
  float result = *std::max_element(lanes, lanes + kLanes);
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

}  // namespace

SEGUE_CLONES
double cross_entropy_row(float* logits, std::int64_t n, std::int64_t target, float smoothing, float scale) {
  const float largest = max_of(logits, n);
  const float wanted = logits[target];
  float total = 0;
  if (smoothing > 0)
    for (std::int64_t j = 0; j < n; ++j) total += logits[j] - largest;
  float sum = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    const float e = exp_of(logits[j] - largest);
    logits[j] = e;
    sum += e;
  }
  const float factor = scale / sum;
  const float share = smoothing / static_cast<float>(n);
  for (std::int64_t j = 0; j < n; ++j) logits[j] = logits[j] * factor - share * scale;
  logits[target] -= (1.0F - smoothing) * scale;
  const double log_sum = std::log(static_cast<double>(sum));
  const double to_target = log_sum - (static_cast<double>(wanted) - static_cast<double>(largest));
  const double to_all = log_sum - static_cast<double>(total) / static_cast<double>(n);
  return (1.0 - static_cast<double>(smoothing)) * to_target + static_cast<double>(smoothing) * to_all;
}

SEGUE_CLONES
void widen_row(const std::uint16_t* x, float* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(x[i]) << 16);
}

SEGUE_CLONES
void narrow_row(const float* x, std::uint16_t* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i]);
    const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
    // Rounding up would turn some NaN into infinity.
    out[i] = static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? 0x7FC0U : rounded);
  }
}

SEGUE_CLONES
double sampled_loss_row(const SampledRow& row, float* scores, const std::int32_t* negatives, const std::int32_t* groups,
                        const float* log_q, std::int64_t m, float* positive, float scale, float* scratch) {
  const std::int32_t target = row.target;
  const float elu = row.loss == Loss::kSampledSoftmax ? 0.0F : row.score_elu;
  float* const weight = scratch;     // exp(r_j - largest), 0 for hits on the target
  float* const slope = scratch + m;  // sigmoid(r_i - r_j) or its mirror image
  if (elu > 0)
    for (std::int64_t j = 0; j < m; ++j) {
      const float below = std::min(scores[j], 0.0F);  // both sides of elu without a branch: exp(0) is exactly 1
      scores[j] = (scores[j] - below) + elu * (exp_of(below) - 1.0F);
    }
  const float raw_positive = *positive;
  const float r_i = elu > 0 && raw_positive <= 0 ? elu * (exp_of(raw_positive) - 1.0F) : raw_positive;
  const float positive_slope = elu > 0 && raw_positive <= 0 ? r_i + elu : 1.0F;
  if (log_q != nullptr)
    for (std::int64_t j = 0; j < m; ++j) scores[j] -= log_q[j];
  for (std::int64_t j = 0; j < m; ++j) weight[j] = negatives[j] == target ? kMasked : scores[j];
  if (groups != nullptr)
    for (std::int64_t j = 0; j < m; ++j) weight[j] = groups[j] == row.group ? kMasked : weight[j];
  const float largest_negative = max_of(weight, m);
  if (largest_negative <= kMasked) {  // no negative is left
    std::fill_n(scores, m, 0.0F);
    *positive = 0;
    return 0;
  }
  if (row.loss == Loss::kSampledSoftmax) {
    const float largest = std::max(largest_negative, r_i);
    float sum = 0;
    for (std::int64_t j = 0; j < m; ++j) {
      const float keep = weight[j] <= kMasked ? 0.0F : 1.0F;
      const float e = keep * exp_of(scores[j] - largest);
      scores[j] = e;
      sum += e;
    }
    const float own = exp_of(r_i - largest);
    const float total = sum + own;
    for (std::int64_t j = 0; j < m; ++j) scores[j] = scores[j] * (scale / total);
    *positive = -(sum / total) * scale;
    return std::log(static_cast<double>(total)) + static_cast<double>(largest) - static_cast<double>(r_i);
  }
  float total = 0;
  for (std::int64_t j = 0; j < m; ++j) {
    const float keep = weight[j] <= kMasked ? 0.0F : 1.0F;
    const float e = keep * exp_of(scores[j] - largest_negative);
    weight[j] = e;
    total += e;
  }
  const float norm = 1.0F / total;
  if (row.loss == Loss::kBprMax) {
    float ranked = 0, squares = 0, curve = 0;
    for (std::int64_t j = 0; j < m; ++j) {
      const float s = weight[j] * norm;
      const float g = sigmoid_of(r_i - scores[j]);
      weight[j] = s;
      slope[j] = g;
      ranked += s * g;
      squares += s * scores[j] * scores[j];
      curve += s * g * (1.0F - g);
    }
    const float by_ranked = 1.0F / (ranked + 1e-24F);
    const float lambda = row.bpr_regularization;
    for (std::int64_t j = 0; j < m; ++j) {
      const float r = scores[j], s = weight[j], g = slope[j];
      const float d_ranked = s * (g - ranked - g * (1.0F - g));
      const float d_squares = s * (r * r - squares + 2.0F * r);
      const float d_elu = elu > 0 && r <= 0 ? r + elu : 1.0F;
      scores[j] = (lambda * d_squares - d_ranked * by_ranked) * d_elu * scale;
    }
    *positive = -curve * by_ranked * positive_slope * scale;
    return -std::log(static_cast<double>(ranked) + 1e-24) + static_cast<double>(lambda) * static_cast<double>(squares);
  }
  float loss = 0, curve = 0;
  for (std::int64_t j = 0; j < m; ++j) {
    const float s = weight[j] * norm;
    const float g = sigmoid_of(scores[j] - r_i);
    weight[j] = s;
    slope[j] = g;
    loss += s * (g + sigmoid_of(scores[j] * scores[j]));
    curve += s * g * (1.0F - g);
  }
  for (std::int64_t j = 0; j < m; ++j) {
    const float r = scores[j], g = slope[j];
    const float t = sigmoid_of(r * r);
    const float d_elu = elu > 0 && r <= 0 ? r + elu : 1.0F;
    scores[j] = weight[j] * (g + t - loss + g * (1.0F - g) + 2.0F * r * t * (1.0F - t)) * d_elu * scale;
  }
  *positive = -curve * positive_slope * scale;
  return static_cast<double>(loss);
}

SEGUE_CLONES
double squared_norm(const float* x, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

SEGUE_CLONES
void adamw_update(const AdamWStep& step, float* parameter, const float* gradient, float* mean, float* square,
                  std::int64_t n) {
  const AdamWStep s = step;
  const float keep = 1.0F - s.learning_rate * s.weight_decay;
  const float rate = s.learning_rate / s.correction1;
  const float by_root = 1.0F / std::sqrt(s.correction2);
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * s.gradient_scale;
    const float m = mean[i] + (1.0F - s.beta1) * (g - mean[i]);
    const float v = s.beta2 * square[i] + (1.0F - s.beta2) * g * g;
    mean[i] = m;
    square[i] = v;
    parameter[i] = parameter[i] * keep - rate * m / (std::sqrt(v) * by_root + s.epsilon);
  }
}

SEGUE_CLONES
void adagrad_update(const AdagradStep& step, float* parameter, const float* gradient, float* square, float* velocity,
                    std::int64_t n) {
  const AdagradStep s = step;
  const float keep = 1.0F - s.learning_rate * s.weight_decay;
  if (velocity == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float g = gradient[i] * s.gradient_scale;
      const float a = square[i] + g * g;
      square[i] = a;
      parameter[i] = parameter[i] * keep - s.learning_rate * g / std::sqrt(a + s.epsilon);
    }
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * s.gradient_scale;
    const float a = square[i] + g * g;
    const float v = s.momentum * velocity[i] - s.learning_rate * g / std::sqrt(a + s.epsilon);
    square[i] = a;
    velocity[i] = v;
    parameter[i] = parameter[i] * keep + v;
  }
}

SEGUE_CLONES
void sgd_update(const SgdStep& step, float* parameter, const float* gradient, float* velocity, std::int64_t n) {
  const SgdStep s = step;
  const float keep = 1.0F - s.learning_rate * s.weight_decay;
  if (velocity == nullptr) {
    for (std::int64_t i = 0; i < n; ++i)
      parameter[i] = parameter[i] * keep - s.learning_rate * s.gradient_scale * gradient[i];
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const float v = s.momentum * velocity[i] + s.gradient_scale * gradient[i];
    velocity[i] = v;
    parameter[i] = parameter[i] * keep - s.learning_rate * v;
  }
}

SEGUE_CLONES
void average_update(float decay, const float* parameter, float* average, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) average[i] += (1.0F - decay) * (parameter[i] - average[i]);
}

SEGUE_CLONES
void add_row(const float* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += x[i];
}

}  // namespace segue::training
