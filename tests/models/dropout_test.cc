#include "models/dropout.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace segue::models {
namespace {

constexpr std::int64_t kRows = 700, kWidth = 256;  // more than two runs of keys

at::Tensor ones() { return at::ones({kRows, kWidth}); }

/// A share within five standard errors.
void expect_share(double found, double expected, double n) {
  EXPECT_NEAR(found, expected, 5 * std::sqrt(expected * (1 - expected) / n));
}

TEST(Dropout, DropsTheShareAndKeepsTheMean) {
  for (const double p : {0.1, 0.5, 0.9}) {
    const at::Tensor y = seeded_dropout(ones(), p, 3);
    const auto n = static_cast<double>(y.numel());
    expect_share(y.eq(0).sum().item<double>() / n, p, n);
    EXPECT_TRUE(at::allclose(y.masked_select(y.ne(0)), at::full({1}, 1 / (1 - p)))) << p;
    for (const std::int64_t along : {0, 1}) {  // no row and no column is favoured
      const at::Tensor shares = y.eq(0).to(at::kDouble).mean(along);
      const double m = n / static_cast<double>(shares.numel());
      EXPECT_LT((shares - p).abs().max().item<double>(), 5.5 * std::sqrt(p * (1 - p) / m)) << p << " along " << along;
    }
  }
}

TEST(Dropout, MasksOfTwoSeedsAndOfNeighboursAgreeByChanceAlone) {
  const at::Tensor a = seeded_dropout(ones(), 0.5, 1).eq(0), b = seeded_dropout(ones(), 0.5, 2).eq(0);
  const auto n = static_cast<double>(a.numel());
  expect_share(a.eq(b).to(at::kDouble).mean().item<double>(), 0.5, n);
  const at::Tensor flat = a.reshape({-1});
  for (const std::int64_t lag : {1, 2, 16, 256, 65'536}) {
    const at::Tensor left = flat.narrow(0, 0, flat.numel() - lag), right = flat.narrow(0, lag, flat.numel() - lag);
    expect_share(left.eq(right).to(at::kDouble).mean().item<double>(), 0.5, static_cast<double>(left.numel()));
  }
}

TEST(Dropout, IsAFunctionOfSeedAndPositionAlone) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = seeded_dropout(ones(), 0.3, 5);
  at::set_num_threads(3);
  EXPECT_TRUE(at::equal(seeded_dropout(ones(), 0.3, 5), one));
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(seeded_dropout(ones().narrow(0, 0, 9), 0.3, 5), one.narrow(0, 0, 9)));
  EXPECT_FALSE(at::equal(seeded_dropout(ones(), 0.3, 6), one));
}

TEST(Dropout, TheGradientPassesWhereTheValueDid) {
  const at::Tensor x = at::arange(1, 1001, at::kFloat).reshape({10, 100}).set_requires_grad(true);
  const at::Tensor y = seeded_dropout(x, 0.4, 7);
  y.backward(at::full_like(y, 2));
  EXPECT_TRUE(at::equal(x.grad().eq(0), y.eq(0)));
  EXPECT_TRUE(at::allclose(x.grad(), 2 * y.detach() / x.detach()));
}

TEST(Dropout, RefusesAShareOutsideItsRange) {
  EXPECT_THROW(seeded_dropout(ones(), 1.0, 1), std::invalid_argument);
  EXPECT_THROW(seeded_dropout(ones(), -0.1, 1), std::invalid_argument);
  EXPECT_TRUE(at::equal(seeded_dropout(ones(), 0, 1), ones()));
}

}  // namespace
}  // namespace segue::models
