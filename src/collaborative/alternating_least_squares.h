#pragma once

#include <cstdint>
#include <span>

#include "baselines/session_index.h"
#include "collaborative/aligned_floats.h"
#include "collaborative/factor_equations.h"
#include "collaborative/filter_options.h"

namespace segue::collaborative {

/// Implicit alternating least squares: factors w_u of sequences ("users") and h_i of items, of `dim` numbers, that
/// lower (Rendle et al. 2022, equations 1 to 4; alpha0 = unobserved_weight, nu = l2_exponent)
///
///     L = sum over observed (u, i) of (1 - <w_u, h_i>)^2  +  alpha0 sum over all (u, i) of <w_u, h_i>^2
///       + l2 ( sum_u (d_u + alpha0 n_items)^nu |w_u|^2 + sum_i (d_i + alpha0 n_users)^nu |h_i|^2 )
///
/// by solving for one side while the other stands. A pair is observed when the sequence holds the item. First factors
/// are normal with standard deviation init_std / sqrt(dim). Rows of a side are independent given the other: any number
/// of threads gives the same bits.
///
/// Cost of an epoch, in floating-point operations: 2 n_observed dim block_dim + (n_users + n_items) dim block_dim^2
/// / 3. Memory: 4 dim bytes for every user and every item.
class AlternatingLeastSquares {
 public:
  /// @param index  kept: users are its sessions
  AlternatingLeastSquares(const baselines::SessionIndex& index, std::int32_t n_items, const IalsOptions& options,
                          std::uint64_t seed, int n_threads);
  /// @throws NumericError  equations that are singular in float32
  void solve_users();
  void solve_items();
  /// L, in double. Cost: 2 n_observed dim operations and the Gram matrices of both sides.
  [[nodiscard]] double loss() const;
  [[nodiscard]] std::span<const float> user_factors() const { return users_; }  ///< [n_users, dim]
  [[nodiscard]] std::span<const float> item_factors() const { return items_; }  ///< [n_items, dim]

 private:
  const baselines::SessionIndex& index_;
  std::int64_t n_items_, n_users_;
  IalsOptions options_;
  int n_threads_;
  AlignedFloats users_, items_;
};

/// The weight of |w|^2 of a row with `n_observed` pairs of `n_others` that there are: l2 (n_observed + alpha0
/// n_others)^nu.
float penalty(const IalsOptions& options, std::int64_t n_observed, std::int64_t n_others);

}  // namespace segue::collaborative
