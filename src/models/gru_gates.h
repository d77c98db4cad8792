#pragma once

#include <cstdint>

namespace segue::models {

/// Gate arithmetic of a GRU over rows, fused and vectorised (a clone an instruction set, chosen at run time). All
/// matrices are dense and row-major; 3H blocks are in the order r, z, n. The float forms use own exponentials, with a
/// relative error below 1e-6 in sigmoid and tanh; the double forms call the standard library.
template <class T>
struct GateForward {
  std::int64_t n_rows = 0, hidden = 0;
  const T* from_input = nullptr;  ///< [n_rows, 3H], x W_ih' + b_ih
  const T* from_state = nullptr;  ///< [n_rows, 3H], h W_hh' + b_hh;  with no state: one row [3H], b_hh, for all rows
  const T* state = nullptr;       ///< [n_rows, H], or nullptr: zero
  T* next_state = nullptr;        ///< [n_rows, H]; may be `state`
  T* saved = nullptr;             ///< [n_rows, 4H]: r, z, n and the n block of from_state, for the backward; or nullptr
};
void gate_forward(const GateForward<float>& step);
void gate_forward(const GateForward<double>& step);

template <class T>
struct GateBackward {
  std::int64_t n_rows = 0, hidden = 0;
  std::int64_t n_carried = 0;   ///< rows that the next step runs too
  const T* gradient = nullptr;  ///< [n_rows, H], of the states this step gives out
  const T* saved = nullptr;     ///< [n_rows, 4H]
  const T* state = nullptr;     ///< [n_rows, H] before the step, or nullptr: zero
  T* carry = nullptr;  ///< [n_rows, H]: in, what the next step adds, for n_carried rows; out, dh z for all rows
  T* gradient_from_input = nullptr;  ///< [n_rows, 3H]
  T* gradient_from_state = nullptr;  ///< [n_rows, 3H]
};
void gate_backward(const GateBackward<float>& step);
void gate_backward(const GateBackward<double>& step);

/// The approximations themselves, elementwise, for tests and for blocks that need them.
void sigmoid(const float* x, float* y, std::int64_t n);
void tanh(const float* x, float* y, std::int64_t n);

}  // namespace segue::models
