#include "collaborative/symmetric_inverse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "collaborative/aligned_floats.h"
#include "support/random.h"

namespace segue::collaborative {
namespace {

/// X'X + l2 I of random 0-1 rows, whose columns differ in their frequency as items do. Above the diagonal NaN.
AlignedFloats gram(std::int64_t n, std::int64_t n_rows, float l2, std::uint64_t seed) {
  Random random(seed);
  AlignedFloats a(static_cast<std::size_t>(n * n));
  std::vector<std::size_t> row;
  for (std::int64_t r = 0; r < n_rows; ++r) {
    row.clear();
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      if (random.uniform() < 0.5 / (1 + 0.05 * static_cast<double>(i))) row.push_back(i);
    }
    for (const std::size_t i : row) {
      for (const std::size_t j : row) a[i * static_cast<std::size_t>(n) + j] += 1;
    }
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    a[i * static_cast<std::size_t>(n) + i] += l2;
    for (std::size_t j = i + 1; j < static_cast<std::size_t>(n); ++j)
      a[i * static_cast<std::size_t>(n) + j] = std::nanf("");
  }
  return a;
}

/// By Gauss and Jordan in double, from the lower triangle.
std::vector<double> inverse_in_double(const AlignedFloats& lower, std::size_t n) {
  std::vector<double> a(n * n), inverse(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    inverse[i * n + i] = 1;
    for (std::size_t j = 0; j < n; ++j) a[i * n + j] = i >= j ? lower[i * n + j] : lower[j * n + i];
  }
  for (std::size_t k = 0; k < n; ++k) {
    const double pivot = a[k * n + k];
    for (std::size_t j = 0; j < n; ++j) a[k * n + j] /= pivot, inverse[k * n + j] /= pivot;
    for (std::size_t i = 0; i < n; ++i) {
      const double factor = a[i * n + k];
      if (i == k || factor == 0) continue;
      for (std::size_t j = 0; j < n; ++j) {
        a[i * n + j] -= factor * a[k * n + j];
        inverse[i * n + j] -= factor * inverse[k * n + j];
      }
    }
  }
  return inverse;
}

TEST(SymmetricInverse, EqualsTheOneInDouble) {
  // One tile, whole tiles, and a rest.
  for (const std::int64_t n : {1, 5, 256, 257, 600}) {
    auto a = gram(n, 3 * n, 10, 3);
    const auto expected = inverse_in_double(a, static_cast<std::size_t>(n));
    ASSERT_TRUE(invert_symmetric(a.data(), n, 2));
    double worst = 0, largest = 0;
    for (std::size_t e = 0; e < a.size(); ++e) {
      worst = std::max(worst, std::abs(a[e] - expected[e]));
      largest = std::max(largest, std::abs(expected[e]));
    }
    EXPECT_LT(worst, 1e-5 * largest) << n;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      for (std::size_t j = 0; j < i; ++j)
        ASSERT_EQ(a[i * static_cast<std::size_t>(n) + j], a[j * static_cast<std::size_t>(n) + i]);
    }
  }
}

TEST(SymmetricInverse, TheSameBitsOnAnyNumberOfThreads) {
  const auto matrix = gram(700, 900, 5, 4);
  auto one = matrix;
  ASSERT_TRUE(invert_symmetric(one.data(), 700, 1));
  for (const int n_threads : {2, 3, 7}) {
    auto many = matrix;
    ASSERT_TRUE(invert_symmetric(many.data(), 700, n_threads));
    EXPECT_EQ(many, one) << n_threads;
  }
}

TEST(SymmetricInverse, ReportsItsBlocksAndMayBeStopped) {
  auto a = gram(600, 100, 5, 4);
  std::vector<std::int64_t> done;
  const auto stop = [&](std::int64_t block, std::int64_t total) {
    EXPECT_EQ(total, 3);
    done.push_back(block);
    if (block == 2) throw std::runtime_error("stop");
  };
  EXPECT_THROW(invert_symmetric(a.data(), 600, 2, stop), std::runtime_error);
  EXPECT_EQ(done, (std::vector<std::int64_t>{1, 2}));
}

TEST(SymmetricInverse, SaysWhatIsNotPositiveDefinite) {
  AlignedFloats a = {1, 0, 2, 1};
  EXPECT_FALSE(invert_symmetric(a.data(), 2, 1));
}

}  // namespace
}  // namespace segue::collaborative
