#include "models/gelu.h"

#include "models/exponential.h"
#include "support/instruction_sets.h"

namespace segue::models {
namespace {

/// Polynomials fitted to erf(x) / x - 1 in x^2 on [0, 1] and to log(1 - erf(x)) on [0.95, 4], both within 1.5e-9 of erf
/// (least squares, reweighted towards the largest error). Both are evaluated, so that no lane waits for another.
SEGUE_INLINE float erf_of(float x) {
  const float square = x * x;
  float small = 7.8890382e-5F;
  small = small * square - 8.0208169e-4F;
  small = small * square + 5.1895326e-3F;
  small = small * square - 2.6854443e-2F;
  small = small * square + 1.12836001e-1F;
  small = small * square - 3.76126271e-1F;
  small = small * square + 1.28379166e-1F;
  small = small * x + x;

  float t = x < 0.0F ? -x : x;
  t = t > 4.0F ? 4.0F : t;  // erf is 1 to the last bit beyond
  float log_rest = 1.91503475e-4F;
  log_rest = log_rest * t - 2.99955931e-3F;
  log_rest = log_rest * t + 2.20521709e-2F;
  log_rest = log_rest * t - 1.03567446e-1F;
  log_rest = log_rest * t - 6.37599209e-1F;
  log_rest = log_rest * t - 1.12742668F;
  log_rest = log_rest * t - 2.56283491e-4F;
  const float large = -expm1_bounded(log_rest);
  return square < 1.0F ? small : x < 0.0F ? -large : large;
}

}  // namespace

SEGUE_CLONES void gelu(float* x, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) x[i] = 0.5F * x[i] * (1.0F + erf_of(x[i] * 0.70710678118654752F));
}

}  // namespace segue::models
