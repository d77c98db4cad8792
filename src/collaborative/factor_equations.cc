#include "collaborative/factor_equations.h"

#include <algorithm>
#include <vector>

#include "support/threads.h"

namespace segue::collaborative {
namespace {

constexpr std::int64_t kGathered = 128;  // rows at a time: they stay in the first or second cache
constexpr std::int64_t kGramParts = 16;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

AlignedFloats weighted_gram(std::span<const float> factors, std::int64_t dim, double weight, int n_threads) {
  const auto n = static_cast<std::int64_t>(factors.size()) / dim;
  const std::int64_t part_rows = (n + kGramParts - 1) / kGramParts;
  std::vector<AlignedFloats> parts(kGramParts, AlignedFloats(index(dim * dim)));
  parallel_ranges(kGramParts, 1, n_threads, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t first = std::min(n, part * part_rows), last = std::min(n, first + part_rows);
      if (first < last)
        dense_kernels().add_gram(factors.data() + first * dim, last - first, dim, dim, parts[index(part)].data());
    }
  });
  AlignedFloats gram(index(dim * dim));
  for (std::int64_t r = 0; r < dim; ++r) {
    for (std::int64_t c = r; c < dim; ++c) {
      double sum = 0;
      for (const AlignedFloats& part : parts) sum += part[index(r * dim + c)];
      gram[index(r * dim + c)] = gram[index(c * dim + r)] = static_cast<float>(weight * sum);
    }
  }
  return gram;
}

FactorEquations::FactorEquations(std::int64_t dim, std::int64_t block_dim)
    : dim_(dim),
      block_dim_(std::min(dim, block_dim)),
      gathered_(index(kGathered * dim)),
      residuals_(kGathered),
      matrix_(index(block_dim_ * block_dim_)),
      step_(index(block_dim_)) {}

bool FactorEquations::solve(const FixedSide& fixed, std::span<const std::int32_t> observed, float l2, float* w) {
  // In one block any start will do, and from 0 nothing is to be subtracted. Without pairs 0 is the minimum.
  if (block_dim_ == dim_ || observed.empty()) std::fill_n(w, dim_, 0.0F);
  if (observed.empty()) return true;
  for (std::int64_t first = 0; first < dim_; first += block_dim_) {
    if (!solve_block(fixed, observed, l2, first, w)) return false;
  }
  return true;
}

std::int64_t FactorEquations::gather(const FixedSide& fixed, std::span<const std::int32_t> observed) {
  const std::int64_t n = std::min(kGathered, static_cast<std::int64_t>(observed.size()));
  for (std::int64_t r = 0; r < n; ++r)
    std::copy_n(fixed.factors.data() + observed[index(r)] * dim_, dim_, gathered_.data() + r * dim_);
  return n;
}

// A Newton step of a quadratic: the Hessian's block over 2 and minus the gradient over 2, at the present w.
bool FactorEquations::solve_block(const FixedSide& fixed, std::span<const std::int32_t> observed, float l2,
                                  std::int64_t first, float* w) {
  const std::int64_t n_block = std::min(block_dim_, dim_ - first);
  const bool from_zero = block_dim_ == dim_;
  std::fill_n(step_.data(), n_block, 0.0F);
  for (std::int64_t r = 0; r < n_block; ++r)
    std::copy_n(fixed.weighted_gram.data() + (first + r) * dim_ + first, n_block, matrix_.data() + r * n_block);
  while (!observed.empty()) {
    const std::int64_t n = gather(fixed, observed);
    observed = observed.subspan(index(n));
    std::fill_n(residuals_.data(), n, 0.0F);
    if (!from_zero) dense_.project(gathered_.data(), n, dim_, dim_, w, residuals_.data());
    for (std::int64_t r = 0; r < n; ++r) residuals_[index(r)] = 1 - residuals_[index(r)];
    dense_.add_gram(gathered_.data() + first, n, n_block, dim_, matrix_.data());
    dense_.add_combination(gathered_.data() + first, n, n_block, dim_, residuals_.data(), step_.data());
  }
  for (std::int64_t r = 0; r < n_block; ++r) {
    matrix_[index(r * n_block + r)] += l2;
    if (from_zero) continue;
    float pull = 0;
    dense_.project(fixed.weighted_gram.data() + (first + r) * dim_, 1, dim_, dim_, w, &pull);
    step_[index(r)] -= pull + l2 * w[first + r];
  }
  if (!dense_.solve(matrix_.data(), n_block, step_.data())) return false;
  for (std::int64_t r = 0; r < n_block; ++r) w[first + r] += step_[index(r)];
  return true;
}

}  // namespace segue::collaborative
