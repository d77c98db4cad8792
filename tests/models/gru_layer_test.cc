#include "models/gru_layer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>
#include <vector>

#include "models/gru_gates.h"

namespace segue::models {
namespace {

struct Case {
  std::vector<std::int64_t> batch_sizes;
  std::int64_t in, hidden;
};

struct Inputs {
  at::Tensor batch_sizes;
  std::vector<at::Tensor> leaves;  // input, weight_ih, weight_hh, bias_ih, bias_hh
  at::Tensor direction;            // the gradient fed back
};

Inputs make_inputs(const Case& c, at::ScalarType type) {
  at::manual_seed(7);
  std::int64_t n = 0;
  for (const std::int64_t size : c.batch_sizes) n += size;
  const auto options = at::TensorOptions().dtype(type);
  Inputs inputs;
  inputs.batch_sizes = at::tensor(c.batch_sizes, at::kLong);
  inputs.leaves = {at::randn({n, c.in}, options), at::randn({3 * c.hidden, c.in}, options) * 0.3,
                   at::randn({3 * c.hidden, c.hidden}, options) * 0.3, at::randn({3 * c.hidden}, options),
                   at::randn({3 * c.hidden}, options)};
  for (at::Tensor& leaf : inputs.leaves) leaf = leaf.detach().requires_grad_(true);
  inputs.direction = at::randn({n, c.hidden}, options);
  return inputs;
}

at::Tensor torch_gru(const Inputs& in) {
  const auto& l = in.leaves;
  const at::Tensor initial = at::zeros({1, in.batch_sizes[0].item<std::int64_t>(), l[2].size(1)}, l[0].options());
  return std::get<0>(at::gru(l[0], in.batch_sizes, initial, {l[1], l[2], l[3], l[4]}, true, 1, 0.0, true, false));
}

at::Tensor our_gru(const Inputs& in, bool bf16 = false) {
  const auto& l = in.leaves;
  return gru_layer(l[0], in.batch_sizes, l[1], l[2], l[3], l[4], bf16);
}

std::vector<at::Tensor> gradients(const at::Tensor& output, const Inputs& in) {
  return torch::autograd::grad({output}, in.leaves, {in.direction});
}

double relative_error(const at::Tensor& got, const at::Tensor& expected) {
  return ((got - expected).abs().max() / (expected.abs().max() + 1e-30)).item<double>();
}

class GruLayer : public testing::TestWithParam<Case> {};

TEST_P(GruLayer, EqualsTorchInValueAndGradient) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    const double tolerance = type == at::kDouble ? 1e-12 : 1e-5;  // float32: sums in another order, own exponentials
    const Inputs in = make_inputs(GetParam(), type);
    const at::Tensor expected = torch_gru(in), got = our_gru(in);
    EXPECT_LT(relative_error(got, expected), tolerance) << at::toString(type);
    const auto expected_gradients = gradients(expected, in), got_gradients = gradients(got, in);
    for (std::size_t i = 0; i < expected_gradients.size(); ++i) {
      EXPECT_LT(relative_error(got_gradients[i], expected_gradients[i]), tolerance)
          << at::toString(type) << " leaf " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, GruLayer,
                         testing::Values(Case{{1}, 3, 5}, Case{{4}, 2, 1}, Case{{1, 1, 1}, 4, 16},
                                         Case{{5, 5, 5}, 8, 32}, Case{{7, 6, 6, 3, 1}, 5, 17},
                                         Case{{33, 20, 2}, 19, 48}, Case{{64, 63, 10, 1, 1, 1}, 40, 100}));

TEST(GruLayer, WithoutGradientGivesTheSameBits) {
  const Inputs in = make_inputs({{9, 7, 7, 2}, 6, 24}, at::kFloat);
  const at::Tensor with = our_gru(in);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(our_gru(in), with));
}

TEST(GruLayer, RowsDoNotSeeEachOther) {
  Inputs in = make_inputs({{3, 2}, 4, 8}, at::kDouble);
  const at::Tensor before = our_gru(in).detach().clone();
  const at::NoGradGuard no_grad;
  in.leaves[0][1] += 100;  // step 0 of row 1
  const at::Tensor after = our_gru(in);
  for (const std::int64_t position : {0, 2, 3}) EXPECT_TRUE(at::allclose(after[position], before[position], 0, 1e-14));
  EXPECT_FALSE(at::allclose(after[4], before[4]));
}

TEST(GruLayer, BFloat16StaysNear) {
  const Inputs in = make_inputs({{32, 30, 12}, 40, 64}, at::kFloat);
  const at::Tensor expected = our_gru(in), got = our_gru(in, true);
  EXPECT_LT((got - expected).abs().mean().item<double>(), 0.01);  // bfloat16 holds 8 bits
  const auto expected_gradients = gradients(expected, in), got_gradients = gradients(got, in);
  for (std::size_t i = 0; i < expected_gradients.size(); ++i) {
    const double error =
        ((got_gradients[i] - expected_gradients[i]).norm() / expected_gradients[i].norm()).item<double>();
    EXPECT_LT(error, 0.03) << "leaf " << i;
  }
}

TEST(GruLayer, RefusesWrongUse) {
  Inputs in = make_inputs({{3, 2}, 4, 8}, at::kFloat);
  in.batch_sizes = at::tensor(std::vector<std::int64_t>{2, 3}, at::kLong);
  EXPECT_THROW(our_gru(in), std::invalid_argument);
  in.batch_sizes = at::tensor(std::vector<std::int64_t>{3, 1}, at::kLong);
  EXPECT_THROW(our_gru(in), std::invalid_argument);
  in.batch_sizes = at::tensor(std::vector<std::int64_t>{3, 2}, at::kLong);
  in.leaves[1] = at::zeros({24, 5});
  EXPECT_THROW(our_gru(in), std::invalid_argument);
}

TEST(Gates, ExponentialsAreAccurate) {
  std::vector<float> x;
  for (int i = -400000; i <= 400000; ++i) x.push_back(static_cast<float>(i) * 2.3e-4F);
  for (float tiny = 1e-30F; tiny < 0.1F; tiny *= 1.37F) x.insert(x.end(), {tiny, -tiny});
  std::vector<float> s(x.size()), t(x.size());
  sigmoid(x.data(), s.data(), static_cast<std::int64_t>(x.size()));
  tanh(x.data(), t.data(), static_cast<std::int64_t>(x.size()));
  double worst_sigmoid = 0, worst_tanh = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact_sigmoid = 1 / (1 + std::exp(-static_cast<double>(x[i]))),
                 exact_tanh = std::tanh(static_cast<double>(x[i]));
    if (x[i] > -86) worst_sigmoid = std::max(worst_sigmoid, std::abs(static_cast<double>(s[i]) / exact_sigmoid - 1));
    if (x[i] != 0) worst_tanh = std::max(worst_tanh, std::abs(static_cast<double>(t[i]) / exact_tanh - 1));
  }
  EXPECT_LT(worst_sigmoid, 1e-6);
  EXPECT_LT(worst_tanh, 1e-6);
}

TEST(Gates, ExtremesAndNan) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{inf, -inf, 0, 1000, -1000, nan};
  std::vector<float> s(6), t(6);
  sigmoid(x.data(), s.data(), 6);
  tanh(x.data(), t.data(), 6);
  EXPECT_EQ(s[0], 1);
  EXPECT_LT(s[1], 1e-37F);
  EXPECT_EQ(s[2], 0.5F);
  EXPECT_EQ(t[0], 1);
  EXPECT_EQ(t[1], -1);
  EXPECT_EQ(t[2], 0);
  EXPECT_EQ(t[3], 1);
  EXPECT_EQ(t[4], -1);
  EXPECT_TRUE(std::isnan(s[5]));
  EXPECT_TRUE(std::isnan(t[5]));
}

}  // namespace
}  // namespace segue::models
