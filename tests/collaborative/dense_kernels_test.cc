// Every instruction set that this machine has, against sums in double.

#include "collaborative/dense_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "collaborative/aligned_floats.h"
#include "kernels/cpu/instruction_set.h"
#include "support/random.h"

namespace segue::collaborative {
namespace {

std::vector<const DenseKernels*> all_kernels() {
  std::vector<const DenseKernels*> all = {&portable_dense_kernels()};
#if defined(__x86_64__)
  using kernels::cpu::InstructionSet;
  if (kernels::cpu::instruction_set() >= InstructionSet::kAvx2) all.push_back(&avx2_dense_kernels());
  if (kernels::cpu::instruction_set() >= InstructionSet::kAvx512) all.push_back(&avx512_dense_kernels());
#endif
  return all;
}

class DenseKernelsTest : public testing::TestWithParam<const DenseKernels*> {
 protected:
  AlignedFloats numbers(std::int64_t n) {
    AlignedFloats values(static_cast<std::size_t>(n));
    for (float& value : values) value = static_cast<float>(random_.normal());
    return values;
  }
  /// Symmetric positive definite; the triangle that is not to be read is NaN.
  AlignedFloats definite(std::int64_t n) {
    const auto v = numbers(n * (n + 3));
    AlignedFloats a(static_cast<std::size_t>(n * n), std::nanf(""));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = i; j < n; ++j) {
        double sum = i == j ? 1 : 0;
        for (std::int64_t r = 0; r < n + 3; ++r) sum += at(v, r * n + i) * at(v, r * n + j);
        a[static_cast<std::size_t>(i * n + j)] = static_cast<float>(sum);
      }
    }
    return a;
  }
  static double at(const AlignedFloats& values, std::int64_t i) { return values[static_cast<std::size_t>(i)]; }

  const DenseKernels& dense_ = *GetParam();
  Random random_{5};
};

TEST_P(DenseKernelsTest, Products) {
  struct Shape {
    std::int64_t rows, columns, depth;
  };
  for (const auto [rows, columns, depth] : {Shape{1, 1, 1}, {2, 3, 5}, {17, 9, 33}, {64, 70, 130}}) {
    const std::int64_t stride = columns + 4;
    const auto a = numbers(rows * depth), b = numbers(columns * depth), before = numbers(rows * stride);
    auto c = before;
    dense_.subtract_product(a.data(), b.data(), rows, columns, depth, c.data(), stride);
    AlignedFloats transposed(b.size()), product(static_cast<std::size_t>(rows * columns));
    for (std::int64_t j = 0; j < columns; ++j) {
      for (std::int64_t d = 0; d < depth; ++d)
        transposed[static_cast<std::size_t>(d * columns + j)] = b[static_cast<std::size_t>(j * depth + d)];
    }
    dense_.multiply(a.data(), transposed.data(), rows, columns, depth, product.data());
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < stride; ++j) {
        double sum = 0;
        for (std::int64_t d = 0; d < depth && j < columns; ++d) sum += at(a, i * depth + d) * at(b, j * depth + d);
        EXPECT_NEAR(at(c, i * stride + j), at(before, i * stride + j) - sum, 1e-4);
        if (j >= columns) continue;
        EXPECT_NEAR(at(product, i * columns + j), sum, 1e-4);
      }
    }
  }
}

TEST_P(DenseKernelsTest, Inverse) {
  for (const std::int64_t n : {1, 2, 7, 40, 129}) {
    const auto a = definite(n);
    AlignedFloats inverse(a.size());
    ASSERT_TRUE(dense_.invert(a.data(), n, inverse.data()));
    double worst = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < n; ++k) sum += at(a, i < k ? i * n + k : k * n + i) * at(inverse, k * n + j);
        worst = std::max(worst, std::abs(sum - (i == j ? 1 : 0)));
      }
    }
    EXPECT_LT(worst, 2e-4) << n;
  }
}

TEST_P(DenseKernelsTest, GramAndProjections) {
  for (const std::int64_t dim : {1, 3, 16, 50, 128}) {
    for (const std::int64_t n : {1, 2, 100}) {
      const std::int64_t stride = dim + 5;
      const auto v = numbers(n * stride), x = numbers(dim), r = numbers(n), before = numbers(dim * dim);
      auto a = before;
      AlignedFloats y(static_cast<std::size_t>(n)), z = x;
      dense_.add_gram(v.data(), n, dim, stride, a.data());
      dense_.project(v.data(), n, dim, stride, x.data(), y.data());
      dense_.add_combination(v.data(), n, dim, stride, r.data(), z.data());
      for (std::int64_t i = 0; i < n; ++i) {
        double sum = 0;
        for (std::int64_t d = 0; d < dim; ++d) sum += at(v, i * stride + d) * at(x, d);
        EXPECT_NEAR(at(y, i), sum, 1e-4);
      }
      for (std::int64_t d = 0; d < dim; ++d) {
        double sum = at(x, d);
        for (std::int64_t i = 0; i < n; ++i) sum += at(v, i * stride + d) * at(r, i);
        EXPECT_NEAR(at(z, d), sum, 1e-4);
        for (std::int64_t e = 0; e < dim; ++e) {
          double gram = at(before, d * dim + e);
          for (std::int64_t i = 0; i < n && d <= e; ++i) gram += at(v, i * stride + d) * at(v, i * stride + e);
          EXPECT_NEAR(at(a, d * dim + e), gram, 1e-4);  // below the diagonal it stays as it was
        }
      }
    }
  }
}

TEST_P(DenseKernelsTest, Solve) {
  for (const std::int64_t dim : {1, 2, 16, 50, 128}) {
    const auto a = definite(dim), b = numbers(dim);
    auto factor = a, x = b;
    ASSERT_TRUE(dense_.solve(factor.data(), dim, x.data()));
    for (std::int64_t i = 0; i < dim; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < dim; ++j) sum += at(a, i < j ? i * dim + j : j * dim + i) * at(x, j);
      EXPECT_NEAR(sum, at(b, i), 1e-3) << dim;
    }
  }
}

TEST_P(DenseKernelsTest, SayWhatIsNotPositiveDefinite) {
  AlignedFloats a = {1, 2, 2, 1}, b = {1, 1}, inverse = {7, 7, 7, 7};
  EXPECT_FALSE(dense_.invert(a.data(), 2, inverse.data()));
  EXPECT_EQ(inverse, (AlignedFloats{7, 7, 7, 7}));
  EXPECT_FALSE(dense_.solve(a.data(), 2, b.data()));
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, DenseKernelsTest, testing::ValuesIn(all_kernels()),
                         [](const auto& set) { return std::string(set.param->name); });

}  // namespace
}  // namespace segue::collaborative
