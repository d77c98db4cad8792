#include "models/decayed_sum.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <stdexcept>
#include <vector>

namespace segue::models {
namespace {

// Three sequences of 3, 3 and 1 events, packed: steps of 3, 2 and 2 rows.
const std::vector<std::int64_t> kSizes = {3, 2, 2};

at::Tensor numbers(std::int64_t n, std::int64_t width, double seed) {
  return (at::arange(n * width, at::kDouble) * seed).sin().reshape({n, width}).to(at::kFloat);
}

TEST(DecayedSum, IsTheRecursionByHand) {
  const at::Tensor x =
      at::tensor({1.F, 10.F, 2.F, 20.F, 3.F, 30.F, 4.F, 40.F, 5.F, 50.F, 6.F, 60.F, 7.F, 70.F}).reshape({7, 2});
  const at::Tensor sums = decayed_sum(x, at::tensor(kSizes, at::kLong), at::tensor({0.5F, 0.0F}));
  // Row 0: 1, 4 + .5, 6 + .5 * 4.5; row 1: 2, 5 + 1, 7 + 3; row 2: 3. A rate of 0 forgets at once.
  const at::Tensor expected =
      at::tensor({1.F, 10.F, 2.F, 20.F, 3.F, 30.F, 4.5F, 40.F, 6.F, 50.F, 8.25F, 60.F, 10.F, 70.F}).reshape({7, 2});
  EXPECT_TRUE(at::equal(sums, expected)) << sums;
}

TEST(DecayedSum, GradientsAreThoseOfTheSameSumsWrittenOut) {
  const at::Tensor sizes = at::tensor(kSizes, at::kLong), to = numbers(7, 5, 1.7);
  const auto leaf = [](const at::Tensor& tensor) { return tensor.clone().set_requires_grad(true); };
  const at::Tensor x = leaf(numbers(7, 5, 0.9)), decay = leaf(at::tensor({0.1F, 0.5F, 0.9F, 1.F, 0.7F}));
  (decayed_sum(x, sizes, decay) * to).sum().backward();
  const at::Tensor plain_x = leaf(x.detach()), plain_decay = leaf(decay.detach());
  const auto row = [&](std::int64_t i) { return plain_x[i]; };
  // s of each position, every power written out.
  const std::vector<at::Tensor> sums = {row(0),
                                        row(1),
                                        row(2),
                                        row(3) + plain_decay * row(0),
                                        row(4) + plain_decay * row(1),
                                        row(5) + plain_decay * row(3) + plain_decay.square() * row(0),
                                        row(6) + plain_decay * row(4) + plain_decay.square() * row(1)};
  (at::stack(sums) * to).sum().backward();
  EXPECT_TRUE(at::allclose(x.grad(), plain_x.grad(), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(decay.grad(), plain_decay.grad(), 1e-5, 1e-6));
}

TEST(DecayedSum, RefusesShapesThatDisagree) {
  const at::Tensor sizes = at::tensor(kSizes, at::kLong);
  EXPECT_THROW(decayed_sum(at::zeros({6, 2}), sizes, at::zeros({2})), std::invalid_argument);
  EXPECT_THROW(decayed_sum(at::zeros({7, 2}), sizes, at::zeros({3})), std::invalid_argument);
}

}  // namespace
}  // namespace segue::models
