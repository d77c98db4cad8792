#include "models/gru_gates.h"

#include <cmath>

#include "models/exponential.h"
#include "support/instruction_sets.h"

namespace segue::models {
namespace {

SEGUE_INLINE float sigmoid_of(float x) {
  float y = -x;
  y = y < -87.0F ? -87.0F : y;  // a NaN passes through both comparisons
  y = y > 87.0F ? 87.0F : y;
  return 1.0F / (2.0F + expm1_bounded(y));
}

SEGUE_INLINE float tanh_of(float x) {
  float y = 2.0F * x;
  y = y < -40.0F ? -40.0F : y;
  y = y > 40.0F ? 40.0F : y;
  const float e = expm1_bounded(y);
  return e / (e + 2.0F);
}

SEGUE_INLINE double sigmoid_of(double x) { return 1.0 / (1.0 + std::exp(-x)); }
SEGUE_INLINE double tanh_of(double x) { return std::tanh(x); }

template <class T, bool kHasState, bool kSave>
SEGUE_INLINE void forward_row(std::int64_t hidden, const T* __restrict__ input, const T* __restrict__ from_state,
                              const T* state, T* next_state, T* __restrict__ saved) {
#pragma GCC ivdep
  for (std::int64_t j = 0; j < hidden; ++j) {
    const T r = sigmoid_of(input[j] + from_state[j]);
    const T z = sigmoid_of(input[hidden + j] + from_state[hidden + j]);
    const T state_n = from_state[2 * hidden + j];
    const T n = tanh_of(input[2 * hidden + j] + r * state_n);
    next_state[j] = kHasState ? n + z * (state[j] - n) : n - z * n;
    if (kSave) {
      saved[j] = r;
      saved[hidden + j] = z;
      saved[2 * hidden + j] = n;
      saved[3 * hidden + j] = state_n;
    }
  }
}

template <class T, bool kHasState, bool kSave>
SEGUE_INLINE void forward_rows(const GateForward<T>& step) {
  const std::int64_t hidden = step.hidden;
  for (std::int64_t row = 0; row < step.n_rows; ++row) {
    forward_row<T, kHasState, kSave>(hidden, step.from_input + row * 3 * hidden,
                                     kHasState ? step.from_state + row * 3 * hidden : step.from_state,
                                     kHasState ? step.state + row * hidden : nullptr, step.next_state + row * hidden,
                                     kSave ? step.saved + row * 4 * hidden : nullptr);
  }
}

template <class T>
SEGUE_INLINE void forward_any(const GateForward<T>& step) {
  if (step.state != nullptr) {
    step.saved != nullptr ? forward_rows<T, true, true>(step) : forward_rows<T, true, false>(step);
  } else {
    step.saved != nullptr ? forward_rows<T, false, true>(step) : forward_rows<T, false, false>(step);
  }
}

template <class T, bool kHasState, bool kCarried>
SEGUE_INLINE void backward_row(std::int64_t hidden, const T* __restrict__ gradient, const T* __restrict__ saved,
                               const T* __restrict__ state, T* __restrict__ carry, T* __restrict__ to_input,
                               T* __restrict__ to_state) {
#pragma GCC ivdep
  for (std::int64_t j = 0; j < hidden; ++j) {
    const T dh = kCarried ? gradient[j] + carry[j] : gradient[j];
    const T r = saved[j], z = saved[hidden + j], n = saved[2 * hidden + j], state_n = saved[3 * hidden + j];
    const T before = kHasState ? state[j] : T{0};
    const T dn = dh * (1 - z) * (1 - n * n);
    const T dz = dh * (before - n) * z * (1 - z);
    const T dr = dn * state_n * r * (1 - r);
    to_input[j] = dr;
    to_input[hidden + j] = dz;
    to_input[2 * hidden + j] = dn;
    to_state[j] = dr;
    to_state[hidden + j] = dz;
    to_state[2 * hidden + j] = dn * r;
    carry[j] = dh * z;
  }
}

template <class T, bool kHasState>
SEGUE_INLINE void backward_rows(const GateBackward<T>& step) {
  const std::int64_t hidden = step.hidden;
  for (std::int64_t row = 0; row < step.n_rows; ++row) {
    const T* gradient = step.gradient + row * hidden;
    const T* saved = step.saved + row * 4 * hidden;
    const T* state = kHasState ? step.state + row * hidden : nullptr;
    T* carry = step.carry + row * hidden;
    T* to_input = step.gradient_from_input + row * 3 * hidden;
    T* to_state = step.gradient_from_state + row * 3 * hidden;
    if (row < step.n_carried) {
      backward_row<T, kHasState, true>(hidden, gradient, saved, state, carry, to_input, to_state);
    } else {
      backward_row<T, kHasState, false>(hidden, gradient, saved, state, carry, to_input, to_state);
    }
  }
}

}  // namespace

SEGUE_CLONES void gate_forward(const GateForward<float>& step) { forward_any(step); }
void gate_forward(const GateForward<double>& step) { forward_any(step); }

SEGUE_CLONES void gate_backward(const GateBackward<float>& step) {
  step.state != nullptr ? backward_rows<float, true>(step) : backward_rows<float, false>(step);
}
void gate_backward(const GateBackward<double>& step) {
  step.state != nullptr ? backward_rows<double, true>(step) : backward_rows<double, false>(step);
}

SEGUE_CLONES void sigmoid(const float* x, float* y, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) y[i] = sigmoid_of(x[i]);
}

SEGUE_CLONES void tanh(const float* x, float* y, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) y[i] = tanh_of(x[i]);
}

}  // namespace segue::models
