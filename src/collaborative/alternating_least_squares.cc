#include "collaborative/alternating_least_squares.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "collaborative/balanced_ranges.h"
#include "support/errors.h"
#include "support/random.h"

namespace segue::collaborative {
namespace {

AlignedFloats random_factors(std::int64_t n, const IalsOptions& options, std::uint64_t seed, std::uint64_t stream) {
  Random random(seed, stream);
  AlignedFloats factors(static_cast<std::size_t>(n * options.dim));
  const double deviation = options.init_std / std::sqrt(static_cast<double>(options.dim));
  for (float& value : factors) value = static_cast<float>(deviation * random.normal());
  return factors;
}

double squared_length(const float* factor, std::int64_t dim) {
  double sum = 0;
  for (std::int64_t d = 0; d < dim; ++d) sum += static_cast<double>(factor[d]) * factor[d];
  return sum;
}

/// A side of the problem while it is solved. Rows: users or items.
template <class Observed>
struct Side {
  AlignedFloats& factors;
  std::int64_t n, n_others;
  Observed observed;  ///< row -> the other side's rows that it is observed with
};

template <class Observed>
void solve_side(const Side<Observed>& side, std::span<const float> others, const IalsOptions& options, int n_threads) {
  const auto gram = weighted_gram(others, options.dim, options.unobserved_weight, n_threads);
  const FixedSide fixed{others, gram};
  // A Cholesky factor costs as much as this many observed pairs.
  const double cost_of_row = static_cast<double>(std::min(options.dim, options.block_dim)) / 3;
  const auto cost = [&](std::int64_t row) { return cost_of_row + static_cast<double>(side.observed(row).size()); };
  balanced_ranges(side.n, n_threads, cost, [&](std::int64_t begin, std::int64_t end, int) {
    FactorEquations equations(options.dim, options.block_dim);
    for (std::int64_t row = begin; row < end; ++row) {
      const auto observed = side.observed(row);
      const float l2 = penalty(options, static_cast<std::int64_t>(observed.size()), side.n_others);
      if (!equations.solve(fixed, observed, l2, side.factors.data() + row * options.dim)) {
        throw NumericError("ials: singular equations with model.l2 = " + std::to_string(options.l2) +
                           " and model.unobserved_weight = " + std::to_string(options.unobserved_weight) +
                           ": raise them");
      }
    }
  });
}

}  // namespace

float penalty(const IalsOptions& options, std::int64_t n_observed, std::int64_t n_others) {
  const double pairs = static_cast<double>(n_observed) + options.unobserved_weight * static_cast<double>(n_others);
  return static_cast<float>(options.l2 * std::pow(pairs, options.l2_exponent));
}

AlternatingLeastSquares::AlternatingLeastSquares(const baselines::SessionIndex& index, std::int32_t n_items,
                                                 const IalsOptions& options, std::uint64_t seed, int n_threads)
    : index_(index),
      n_items_(n_items),
      n_users_(static_cast<std::int64_t>(index.n_sessions())),
      options_(options),
      n_threads_(n_threads),
      users_(random_factors(n_users_, options, seed, 1)),
      items_(random_factors(n_items_, options, seed, 2)) {}

void AlternatingLeastSquares::solve_users() {
  const auto observed = [&](std::int64_t user) -> std::span<const std::int32_t> {
    return index_.items_of(static_cast<std::size_t>(user));
  };
  solve_side(Side<decltype(observed)>{users_, n_users_, n_items_, observed}, items_, options_, n_threads_);
}

void AlternatingLeastSquares::solve_items() {
  const auto observed = [&](std::int64_t item) { return index_.sessions_of(static_cast<ItemRow>(item)); };
  solve_side(Side<decltype(observed)>{items_, n_items_, n_users_, observed}, users_, options_, n_threads_);
}

double AlternatingLeastSquares::loss() const {
  const std::int64_t dim = options_.dim;
  std::vector<double> of_user(static_cast<std::size_t>(n_users_));
  const auto cost = [&](std::int64_t user) {
    return 1.0 + static_cast<double>(index_.items_of(static_cast<std::size_t>(user)).size());
  };
  balanced_ranges(n_users_, n_threads_, cost, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t user = begin; user < end; ++user) {
      const float* w = users_.data() + user * dim;
      const auto items = index_.items_of(static_cast<std::size_t>(user));
      double& sum = of_user[static_cast<std::size_t>(user)];
      for (const ItemRow item : items) {
        float score = 0;
        dense_kernels().project(items_.data() + item * dim, 1, dim, dim, w, &score);
        sum += (1 - static_cast<double>(score)) * (1 - static_cast<double>(score));
      }
      sum += penalty(options_, static_cast<std::int64_t>(items.size()), n_items_) * squared_length(w, dim);
    }
  });
  double loss = std::accumulate(of_user.begin(), of_user.end(), 0.0);
  for (std::int64_t item = 0; item < n_items_; ++item) {
    const auto n_observed = static_cast<std::int64_t>(index_.sessions_of(static_cast<ItemRow>(item)).size());
    loss += penalty(options_, n_observed, n_users_) * squared_length(items_.data() + item * dim, dim);
  }
  const auto users = weighted_gram(users_, dim, 1, n_threads_);
  const auto items = weighted_gram(items_, dim, options_.unobserved_weight, n_threads_);
  for (std::size_t d = 0; d < users.size(); ++d) loss += static_cast<double>(users[d]) * items[d];
  return loss;
}

}  // namespace segue::collaborative
