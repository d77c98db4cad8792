#include "training/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "training/weight_average.h"

namespace segue::training {
namespace {

at::Tensor matrix(std::int64_t rows, std::int64_t columns, double from) {
  return (at::arange(rows * columns, at::kFloat) * 0.1 + from).reshape({rows, columns});
}

TrainingOptions options_of(OptimizerKind kind) {
  TrainingOptions options;
  options.optimizer = kind;
  options.max_gradient_norm = 0;
  options.weight_decay = 0;
  return options;
}

TEST(Optimizer, AdamWFollowsItsFormula) {
  TrainingOptions options = options_of(OptimizerKind::kAdamW);
  options.weight_decay = 0.1;
  at::Tensor p = at::full({2, 2}, 1.0).set_requires_grad(true);
  Optimizer optimizer({{"layer.weight", p}}, options);
  double value = 1, m = 0, v = 0;
  const double gradients[3] = {0.5, -2, 0.25};
  for (int t = 1; t <= 3; ++t) {
    const double g = gradients[t - 1];
    p.mutable_grad() = at::full({2, 2}, g);
    optimizer.step(t, 0.01);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    value = value * (1 - 0.01 * 0.1) -
            0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    EXPECT_NEAR(p.detach().max().item<double>(), value, 1e-6) << "step " << t;
    EXPECT_FALSE(p.grad().defined());
  }
}

TEST(Optimizer, AdagradWithMomentumFollowsItsFormula) {
  TrainingOptions options = options_of(OptimizerKind::kAdagrad);
  options.momentum = 0.15;
  options.epsilon = 1e-6;
  at::Tensor p = at::full({3}, 1.0).set_requires_grad(true);
  Optimizer optimizer({{"bias", p}}, options);
  double value = 1, a = 0, u = 0;
  const double gradients[2] = {0.5, -2};
  for (int t = 1; t <= 2; ++t) {
    const double g = gradients[t - 1];
    p.mutable_grad() = at::full({3}, g);
    optimizer.step(t, 0.05);
    a += g * g;
    u = 0.15 * u - 0.05 * g / std::sqrt(a + 1e-6);
    value += u;
    EXPECT_NEAR(p.detach().max().item<double>(), value, 1e-6);
  }
}

TEST(Optimizer, SgdWithMomentumFollowsItsFormula) {
  TrainingOptions options = options_of(OptimizerKind::kSgd);
  options.momentum = 0.9;
  at::Tensor p = at::zeros({4}).set_requires_grad(true);
  Optimizer optimizer({{"bias", p}}, options);
  for (int t = 1; t <= 2; ++t) {
    p.mutable_grad() = at::ones({4});
    optimizer.step(t, 0.1);
  }
  EXPECT_NEAR(p.detach().min().item<double>(), -0.1 - 0.19, 1e-6);
}

class SparseTest : public testing::TestWithParam<OptimizerKind> {};

TEST_P(SparseTest, TouchedRowsMoveAsUnderADenseGradientAndOthersStay) {
  TrainingOptions options = options_of(GetParam());
  options.momentum = GetParam() == OptimizerKind::kAdamW ? 0 : 0.5;
  options.max_gradient_norm = 0.3;  // clips: both must see the same norm
  at::Tensor dense = matrix(6, 3, 1).set_requires_grad(true), sparse = matrix(6, 3, 1).set_requires_grad(true);
  Optimizer on_dense({{"item_embedding.weight", dense}}, options),
      on_sparse({{"item_embedding.weight", sparse}}, options);
  const at::Tensor rows = at::tensor({4L, 1L, 4L}, at::kLong);
  const at::Tensor before = sparse.detach().clone();
  for (int t = 1; t <= 3; ++t) {
    const at::Tensor values = matrix(3, 3, -0.4 * t);
    dense.mutable_grad() = at::zeros({6, 3}).index_add(0, rows, values);
    sparse.mutable_grad() = at::sparse_coo_tensor(rows.unsqueeze(0), values, {6, 3});
    EXPECT_NEAR(on_dense.step(t, 0.1).item<double>(), on_sparse.step(t, 0.1).item<double>(), 1e-6);
  }
  for (const std::int64_t row : {1, 4}) {
    EXPECT_TRUE(at::allclose(dense.detach()[row], sparse.detach()[row], 1e-6, 1e-6)) << row;
    EXPECT_FALSE(at::equal(sparse.detach()[row], before[row])) << row;
  }
  for (const std::int64_t row : {0, 2, 3, 5}) EXPECT_TRUE(at::equal(sparse.detach()[row], before[row])) << row;
}

INSTANTIATE_TEST_SUITE_P(Kinds, SparseTest,
                         testing::Values(OptimizerKind::kAdamW, OptimizerKind::kAdagrad, OptimizerKind::kSgd));

TEST_P(SparseTest, RowGradientsOfSeveralLookUpsAddUp) {
  for (const double limit : {0.0, 0.3}) {  // the norm is taken on the way, or before
    TrainingOptions options = options_of(GetParam());
    options.momentum = GetParam() == OptimizerKind::kAdamW ? 0 : 0.5;
    options.max_gradient_norm = limit;
    at::Tensor dense = matrix(6, 3, 1).set_requires_grad(true), by_rows = matrix(6, 3, 1).set_requires_grad(true);
    Optimizer on_dense({{"t", dense}}, options), on_rows({{"t", by_rows}}, options);
    const at::Tensor first = at::tensor({4L, 1L, 4L}, at::kLong), second = at::tensor({1L, 5L}, at::kLong);
    dense.mutable_grad() =
        at::zeros({6, 3}).index_add(0, first, matrix(3, 3, -0.4)).index_add(0, second, matrix(2, 3, 0.9));
    const double expected = dense.grad().norm().item<double>();
    EXPECT_NEAR(on_dense.step(1, 0.1).item<double>(), expected, 1e-6);
    const at::Tensor norm = on_rows.step(1, 0.1, {{"t", {{first, matrix(3, 3, -0.4)}, {second, matrix(2, 3, 0.9)}}}});
    EXPECT_NEAR(norm.item<double>(), expected, 1e-6);
    for (const std::int64_t row : {1, 4, 5})
      EXPECT_TRUE(at::allclose(by_rows.detach()[row], dense.detach()[row], 1e-6, 1e-6)) << row << ", limit " << limit;
  }
}

TEST(Optimizer, LazyAdamKeepsTheStateOfRowsThatAreNotTouched) {
  at::Tensor p = matrix(2, 2, 1).set_requires_grad(true);
  Optimizer optimizer({{"item_embedding.weight", p}}, options_of(OptimizerKind::kAdamW));
  const auto touch = [&](std::int64_t row, int t) {
    p.mutable_grad() = at::sparse_coo_tensor(at::tensor({row}, at::kLong).unsqueeze(0), at::ones({1, 2}), {2, 2});
    optimizer.step(t, 0.1);
  };
  touch(0, 1);
  const at::Tensor mean = optimizer.state().at("item_embedding.weight.mean")[0].clone();
  touch(1, 2);
  EXPECT_TRUE(at::equal(optimizer.state().at("item_embedding.weight.mean")[0], mean));
}

TEST(Optimizer, ClipsTheGlobalNorm) {
  TrainingOptions options = options_of(OptimizerKind::kSgd);
  options.max_gradient_norm = 1;
  at::Tensor a = at::zeros({1}).set_requires_grad(true), b = at::zeros({1}).set_requires_grad(true);
  Optimizer optimizer({{"a", a}, {"b", b}}, options);
  a.mutable_grad() = at::full({1}, 3.0);
  b.mutable_grad() = at::full({1}, 4.0);
  EXPECT_NEAR(optimizer.step(1, 1.0).item<double>(), 5.0, 1e-6);
  EXPECT_NEAR(a.item<double>(), -0.6, 1e-6);
  EXPECT_NEAR(b.item<double>(), -0.8, 1e-6);
}

TEST(Optimizer, AGradientThatIsNotFiniteIsToldAndUnderClippingChangesNothing) {
  at::Tensor a = at::ones({2}).set_requires_grad(true);
  TrainingOptions options = options_of(OptimizerKind::kAdamW);
  a.mutable_grad() = at::full({2}, INFINITY);
  EXPECT_FALSE(std::isfinite(Optimizer({{"a", a}}, options).step(1, 1.0).item<double>()));
  a = at::ones({2}).set_requires_grad(true);
  options.max_gradient_norm = 1;
  Optimizer optimizer({{"a", a}}, options);
  a.mutable_grad() = at::full({2}, INFINITY);
  EXPECT_FALSE(std::isfinite(optimizer.step(1, 1.0).item<double>()));
  EXPECT_EQ(a.detach().sum().item<double>(), 2.0);
}

TEST(Optimizer, DecaysMatricesOfTheBodyAlone) {
  EXPECT_TRUE(Optimizer::decays("layers.0.gru.weight_hh", 2));
  EXPECT_TRUE(Optimizer::decays("output_projection.weight", 2));
  for (const char* name :
       {"item_embedding.weight", "output_embedding.weight", "features.month.weight", "item_features.genre.weight"})
    EXPECT_FALSE(Optimizer::decays(name, 2)) << name;
  EXPECT_FALSE(Optimizer::decays("layers.0.norm.weight", 1));
}

TEST(Schedule, WarmsUpThenFallsAlongACosine) {
  TrainingOptions options;
  options.learning_rate = 1;
  options.warmup_steps = 10;
  EXPECT_DOUBLE_EQ(scheduled_learning_rate(options, 1, 100), 0.1);
  EXPECT_DOUBLE_EQ(scheduled_learning_rate(options, 10, 100), 1);
  EXPECT_DOUBLE_EQ(scheduled_learning_rate(options, 99, 100), 1);
  options.schedule = Schedule::kCosine;
  options.final_learning_rate = 0.02;
  EXPECT_NEAR(scheduled_learning_rate(options, 55, 100), 0.51, 1e-12);
  EXPECT_NEAR(scheduled_learning_rate(options, 100, 100), 0.02, 1e-12);
}

TEST(WeightAverage, FollowsTheParametersAndSwapsBack) {
  at::Tensor p = at::zeros({3});
  WeightAverage average({{"p", p}}, 0.99);
  p.fill_(1);
  average.update(1);  // decay (1 + 1) / (10 + 1)
  EXPECT_NEAR(average.state().at("p")[0].item<double>(), 1 - 2.0 / 11, 1e-6);
  average.swap();
  EXPECT_NEAR(p[0].item<double>(), 1 - 2.0 / 11, 1e-6);
  average.swap();
  EXPECT_EQ(p[0].item<double>(), 1.0);
  average.update(1'000'000);
  EXPECT_NEAR(average.state().at("p")[0].item<double>(), 1 - 2.0 / 11 * 0.99, 1e-6);
}

}  // namespace
}  // namespace segue::training
