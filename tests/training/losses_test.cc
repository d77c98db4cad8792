#include "training/losses.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "support/random.h"
#include "training/negative_sampler.h"

namespace segue::training {
namespace {

using Doubles = std::vector<double>;

Doubles normals(std::size_t n, std::uint64_t stream, double scale = 1) {
  Random random(5, stream);
  Doubles values(n);
  for (double& value : values) value = scale * static_cast<double>(static_cast<float>(random.normal()));
  return values;
}

at::Tensor tensor_of(const Doubles& values, at::IntArrayRef shape, bool differentiable = true) {
  return at::tensor(values, at::kDouble).to(at::kFloat).reshape(shape).set_requires_grad(differentiable);
}

/// Central differences of a plain double function: a gradient that shares no formula with the code under test.
Doubles numeric_gradient(const std::function<double()>& f, Doubles& x) {
  Doubles gradient;
  for (double& value : x) {
    const double kept = value, h = 1e-5;
    value = kept + h;
    const double up = f();
    value = kept - h;
    gradient.push_back((up - f()) / (2 * h));
    value = kept;
  }
  return gradient;
}

void expect_near(const at::Tensor& got, const Doubles& wanted, double tolerance, const char* what) {
  ASSERT_TRUE(got.defined()) << what;
  const at::Tensor flat = got.reshape({-1}).to(at::kDouble).contiguous();
  ASSERT_EQ(flat.numel(), static_cast<std::int64_t>(wanted.size())) << what;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(flat.const_data_ptr<double>()[i], wanted[i], tolerance * (1 + std::abs(wanted[i])))
        << what << " element " << i;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// A small output layer in double: 7 positions, 11 items, 5 wide.
struct Plain {
  std::size_t n = 7, m = 11, e = 5;
  Doubles v = normals(35, 1), o = normals(55, 2), b = normals(11, 3), w = {0.7, -1.3};
  std::vector<std::int64_t> targets = {3, 0, 10, 4, 4, 7, 1};
  // Row 2 has an unknown item (11), row 5 nothing at all.
  std::vector<std::int64_t> offsets = {0, 1, 3, 6, 7, 9, 9, 12}, visited = {3, 0, 5, 11, 10, 2, 4, 6, 4, 1, 7, 9};
  double smoothing = 0;
  bool with_bias = true, with_visited = true;

  double loss() const {
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      Doubles logit(m);
      for (std::size_t j = 0; j < m; ++j) {
        for (std::size_t k = 0; k < e; ++k) logit[j] += v[i * e + k] * o[j * e + k];
        if (with_bias) logit[j] += b[j];
      }
      if (with_visited)
        for (auto k = offsets[i]; k < offsets[i + 1]; ++k) {
          const auto item = static_cast<std::size_t>(visited[static_cast<std::size_t>(k)]);
          if (item < m) logit[item] += w[k == offsets[i] ? 0 : 1];
        }
      double sum = 0, mean = 0;
      for (const double x : logit) sum += std::exp(x), mean += x / static_cast<double>(m);
      const double target = logit[static_cast<std::size_t>(targets[i])];
      total += std::log(sum) - (1 - smoothing) * target - smoothing * mean;
    }
    return total / static_cast<double>(n);
  }
};

struct Case {
  bool bias, visited;
  double smoothing;
  std::int64_t chunk;
};

class CrossEntropyTest : public testing::TestWithParam<Case> {};

TEST_P(CrossEntropyTest, ValueAndGradientsAreThoseOfPlainDoubles) {
  Plain plain;
  plain.with_bias = GetParam().bias, plain.with_visited = GetParam().visited, plain.smoothing = GetParam().smoothing;
  OutputLayer layer{.vectors = tensor_of(plain.v, {7, 5}),
                    .items = tensor_of(plain.o, {11, 5}),
                    .bias = {},
                    .visited_weights = {},
                    .visited_offsets = at::tensor(plain.offsets, at::kLong),
                    .visited_items = at::tensor(plain.visited, at::kLong)};
  if (plain.with_bias) layer.bias = tensor_of(plain.b, {11});
  if (plain.with_visited) layer.visited_weights = tensor_of(plain.w, {2});
  const at::Tensor loss =
      cross_entropy(layer, at::tensor(plain.targets, at::kLong),
                    {.label_smoothing = plain.smoothing, .bf16 = false, .chunk_rows = GetParam().chunk});
  EXPECT_NEAR(loss.item<double>(), plain.loss(), 2e-6);
  (loss * 2).backward();  // the upstream factor must reach every gradient
  const auto f = [&] { return 2 * plain.loss(); };
  expect_near(layer.vectors.grad(), numeric_gradient(f, plain.v), 2e-6, "vectors");
  expect_near(layer.items.grad(), numeric_gradient(f, plain.o), 2e-6, "items");
  if (plain.with_bias) expect_near(layer.bias.grad(), numeric_gradient(f, plain.b), 2e-6, "bias");
  if (plain.with_visited)
    expect_near(layer.visited_weights.grad(), numeric_gradient(f, plain.w), 2e-6, "visited weights");
}

INSTANTIATE_TEST_SUITE_P(Options, CrossEntropyTest,
                         testing::Values(Case{false, false, 0, 0}, Case{true, false, 0, 3}, Case{false, true, 0, 7},
                                         Case{true, true, 0.1, 2}, Case{true, true, 0, 1}));

TEST(CrossEntropy, Bfloat16IsWithinItsRounding) {
  Plain plain;
  plain.with_visited = plain.with_bias = false;
  OutputLayer exact{.vectors = tensor_of(plain.v, {7, 5}),
                    .items = tensor_of(plain.o, {11, 5}),
                    .bias = {},
                    .visited_weights = {},
                    .visited_offsets = {},
                    .visited_items = {}};
  OutputLayer rounded = exact;
  rounded.vectors = tensor_of(plain.v, {7, 5});
  rounded.items = tensor_of(plain.o, {11, 5});
  const at::Tensor targets = at::tensor(plain.targets, at::kLong);
  cross_entropy(exact, targets, {}).backward();
  const at::Tensor loss = cross_entropy(rounded, targets, {.label_smoothing = 0, .bf16 = true, .chunk_rows = 0});
  loss.backward();
  // bfloat16 keeps 8 bits: inputs and logits are off by up to 2^-9 of themselves.
  EXPECT_NEAR(loss.item<double>(), plain.loss(), 0.02);
  EXPECT_LT((exact.items.grad() - rounded.items.grad()).norm().item<double>(),
            0.02 * exact.items.grad().norm().item<double>());
  EXPECT_LT((exact.vectors.grad() - rounded.vectors.grad()).norm().item<double>(),
            0.02 * exact.vectors.grad().norm().item<double>());
}

TEST(CrossEntropy, LargeLogitsDoNotOverflowAndNanStaysNan) {
  OutputLayer layer{.vectors = at::full({1, 1}, 1000.0),
                    .items = at::tensor({1.0F, -1.0F, 0.5F}).reshape({3, 1}),
                    .bias = {},
                    .visited_weights = {},
                    .visited_offsets = {},
                    .visited_items = {}};
  EXPECT_NEAR(cross_entropy(layer, at::tensor({2L}, at::kLong), {}).item<double>(), 500.0, 1e-3);
  layer.vectors = at::full({1, 1}, std::numeric_limits<double>::quiet_NaN(), at::kFloat);
  EXPECT_TRUE(std::isnan(cross_entropy(layer, at::tensor({2L}, at::kLong), {}).item<double>()));
}

TEST(CrossEntropy, WrongUseIsRefused) {
  OutputLayer layer{.vectors = at::zeros({2, 3}),
                    .items = at::zeros({4, 3}),
                    .bias = {},
                    .visited_weights = {},
                    .visited_offsets = {},
                    .visited_items = {}};
  EXPECT_THROW(cross_entropy(layer, at::zeros({3}, at::kLong), {}), std::invalid_argument);
  EXPECT_THROW(sampled_loss({}, {}, {.loss = Loss::kCrossEntropy}), std::invalid_argument);
}

/// Sampled losses in double, from scores: the formulas of losses.h written out.
double plain_sampled(Loss loss, double positive, const Doubles& given, const std::vector<bool>& hit,
                     const Doubles& log_q, double lambda, double elu) {
  Doubles r;
  double sum = 0;
  const auto bend = [&](double x) { return elu > 0 && x < 0 ? elu * (std::exp(x) - 1) : x; };
  for (std::size_t j = 0; j < given.size(); ++j)
    if (!hit[j]) r.push_back(loss == Loss::kSampledSoftmax ? given[j] - log_q[j] : bend(given[j]));
  if (r.empty()) return 0;
  if (loss != Loss::kSampledSoftmax) positive = bend(positive);
  for (const double x : r) sum += std::exp(x);
  if (loss == Loss::kSampledSoftmax) return std::log(std::exp(positive) + sum) - positive;
  double ranked = 0, squares = 0, top1 = 0;
  for (const double x : r) {
    const double s = std::exp(x) / sum;
    ranked += s * sigmoid(positive - x);
    squares += s * x * x;
    top1 += s * (sigmoid(x - positive) + sigmoid(x * x));
  }
  return loss == Loss::kBprMax ? -std::log(ranked) + lambda * squares : top1;
}

/// Parts of the targets and of the drawn items, joined; leaves that ask for gradients.
SampledLayer layer_of(const at::Tensor& vectors, const std::vector<at::Tensor>& item_vectors,
                      const std::vector<at::Tensor>& item_bias, const std::vector<at::Tensor>& items) {
  return {.vectors = vectors,
          .item_vectors = at::cat(item_vectors).set_requires_grad(true),
          .item_bias = item_bias.empty() ? at::Tensor() : at::cat(item_bias).set_requires_grad(true),
          .items = at::cat(items)};
}

struct SampledCase {
  Loss loss;
  double elu;
};
class SampledLossTest : public testing::TestWithParam<SampledCase> {};

TEST_P(SampledLossTest, ValueAndGradientsAreThoseOfPlainDoubles) {
  const std::size_t n = 4, m = 37, e = 3;
  Doubles v = normals(n * e, 11), t = normals(n * e, 12), tb = normals(n, 13), s = normals(m * e, 14),
          sb = normals(m, 15);
  std::vector<std::int64_t> targets = {5, 6, 7, 8}, negatives;
  for (std::size_t j = 0; j < m; ++j)
    negatives.push_back(static_cast<std::int64_t>(j % 12));  // each target is hit three times
  const Doubles log_q = normals(m, 16, 0.5);
  const auto plain = [&] {
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      Doubles scores(m);
      std::vector<bool> hit(m);
      double positive = tb[i];
      for (std::size_t k = 0; k < e; ++k) positive += v[i * e + k] * t[i * e + k];
      for (std::size_t j = 0; j < m; ++j) {
        scores[j] = sb[j];
        for (std::size_t k = 0; k < e; ++k) scores[j] += v[i * e + k] * s[j * e + k];
        hit[j] = negatives[j] == targets[i];
      }
      total += plain_sampled(GetParam().loss, positive, scores, hit, log_q, 0.9, GetParam().elu);
    }
    return total / static_cast<double>(n);
  };
  const SampledLayer layer = layer_of(tensor_of(v, {4, 3}), {tensor_of(t, {4, 3}, false), tensor_of(s, {37, 3}, false)},
                                      {tensor_of(tb, {4}, false), tensor_of(sb, {37}, false)},
                                      {at::tensor(targets, at::kLong), at::tensor(negatives, at::kLong)});
  const at::Tensor loss =
      sampled_loss(layer, at::cat({at::zeros({4}), tensor_of(log_q, {37}, false)}),
                   {.loss = GetParam().loss, .bpr_regularization = 0.9, .score_elu = GetParam().elu, .bf16 = false});
  EXPECT_NEAR(loss.item<double>(), plain(), 1e-6 * (1 + plain()));
  loss.backward();
  expect_near(layer.vectors.grad(), numeric_gradient(plain, v), 3e-6, "vectors");
  const at::Tensor items = layer.item_vectors.grad(), bias = layer.item_bias.grad();
  expect_near(items.narrow(0, 0, 4), numeric_gradient(plain, t), 3e-6, "target vectors");
  expect_near(bias.narrow(0, 0, 4), numeric_gradient(plain, tb), 3e-6, "target bias");
  expect_near(items.narrow(0, 4, 37), numeric_gradient(plain, s), 3e-6, "negative vectors");
  expect_near(bias.narrow(0, 4, 37), numeric_gradient(plain, sb), 3e-6, "negative bias");
}

INSTANTIATE_TEST_SUITE_P(Losses, SampledLossTest,
                         testing::Values(SampledCase{Loss::kSampledSoftmax, 0}, SampledCase{Loss::kBprMax, 0},
                                         SampledCase{Loss::kBprMax, 1}, SampledCase{Loss::kTop1Max, 0},
                                         SampledCase{Loss::kTop1Max, 0.5}));

/// One position with score 1 for its target and scores 0 and 2 for two negatives.
double golden(Loss loss, double lambda) {
  const SampledLayer layer = layer_of(at::ones({1, 1}), {at::tensor({1.0F, 0.0F, 2.0F}).reshape({3, 1})}, {},
                                      {at::tensor({0L, 1L, 2L}, at::kLong)});
  return sampled_loss(layer, {}, {.loss = loss, .bpr_regularization = lambda, .score_elu = 0, .bf16 = false})
      .item<double>();
}

TEST(SampledLoss, GoldenValuesByHand) {
  // softmax(0, 2) = (.119203, .880797); sigmoid(1) = .731059, sigmoid(-1) = .268941, sigmoid(4) = .982014
  // BPR-max: -ln(.119203 x .731059 + .880797 x .268941) = -ln .324027 = 1.126928; squares .880797 x 4 = 3.523188
  EXPECT_NEAR(golden(Loss::kBprMax, 0), 1.126928, 2e-6);
  EXPECT_NEAR(golden(Loss::kBprMax, 0.5), 1.126928 + 0.5 * 3.523188, 3e-6);
  // TOP1-max: .119203 (.268941 + .5) + .880797 (.731059 + .982014) = .091660 + 1.508869
  EXPECT_NEAR(golden(Loss::kTop1Max, 0), 1.600529, 3e-6);
}

TEST(SampledLoss, OnEveryItemOnceItIsTheFullCrossEntropy) {
  const Plain plain;
  const at::Tensor items = tensor_of(plain.o, {11, 5}), targets = at::tensor(plain.targets, at::kLong);
  const at::Tensor v = tensor_of(plain.v, {7, 5}), w = tensor_of(plain.v, {7, 5});
  const SampledLayer sampled =
      layer_of(v, {items.detach().index_select(0, targets), items.detach()}, {}, {targets, at::arange(11, at::kLong)});
  const at::Tensor all = sampled_loss(sampled, at::zeros({18}), {.loss = Loss::kSampledSoftmax});
  const at::Tensor full = cross_entropy(
      {.vectors = w, .items = items, .bias = {}, .visited_weights = {}, .visited_offsets = {}, .visited_items = {}},
      targets, {});
  EXPECT_NEAR(all.item<double>(), full.item<double>(), 2e-6);
  all.backward();
  full.backward();
  EXPECT_TRUE(at::allclose(v.grad(), w.grad(), 1e-4, 1e-6));
}

TEST(SampledLoss, NegativesThatAreAllHitsCostNothing) {
  const SampledLayer layer =
      layer_of(at::ones({1, 1}).set_requires_grad(true), {at::ones({3, 1})}, {}, {at::tensor({4L, 4L, 4L}, at::kLong)});
  for (const Loss loss : {Loss::kSampledSoftmax, Loss::kBprMax, Loss::kTop1Max}) {
    const at::Tensor value = sampled_loss(layer, at::zeros({3}), {.loss = loss});
    EXPECT_EQ(value.item<double>(), 0.0);
    value.backward();
  }
  EXPECT_EQ(layer.vectors.grad().item<double>(), 0.0);
}

// BPR-max and TOP1-max also take the other targets of the batch as negatives: the same as naming them among the drawn.
TEST(SampledLoss, TargetsCanBeNegativesOfOneAnother) {
  const at::Tensor t = tensor_of(normals(12, 31), {3, 4}, false), s = tensor_of(normals(20, 32), {5, 4}, false);
  const at::Tensor tb = tensor_of(normals(3, 33), {3}, false), sb = tensor_of(normals(5, 34), {5}, false);
  const at::Tensor targets = at::tensor({7L, 8L, 7L}, at::kLong), drawn = at::tensor({1L, 8L, 3L, 1L, 5L}, at::kLong);
  for (const Loss loss : {Loss::kBprMax, Loss::kTop1Max}) {
    const SampledLossOptions options{.loss = loss, .bpr_regularization = 0.7, .score_elu = 0.5};
    SampledLayer shared = layer_of(tensor_of(normals(12, 30), {3, 4}), {t, s}, {tb, sb}, {targets, drawn});
    shared.targets_are_negatives = true;
    const SampledLayer named =
        layer_of(tensor_of(normals(12, 30), {3, 4}), {t, t, s}, {tb, tb, sb}, {targets, targets, drawn});
    const at::Tensor a = sampled_loss(shared, {}, options), b = sampled_loss(named, {}, options);
    EXPECT_EQ(a.item<float>(), b.item<float>());
    (2 * a).backward();  // not the last step of the graph: the gradient handed in is not 1
    (2 * b).backward();
    EXPECT_TRUE(at::allclose(shared.vectors.grad(), named.vectors.grad(), 1e-5, 1e-7));
    const auto folded = [](const at::Tensor& gradient) {
      return at::cat({gradient.narrow(0, 0, 3) + gradient.narrow(0, 3, 3), gradient.narrow(0, 6, 5)});
    };
    EXPECT_TRUE(at::allclose(shared.item_vectors.grad(), folded(named.item_vectors.grad()), 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(shared.item_bias.grad(), folded(named.item_bias.grad()), 1e-5, 1e-6));
  }
}

// A confident model: the positive has probability .8. Correcting the negatives alone leaves a small bias of the
// expected gradient; correcting the positive too (the published form) a large one (arXiv 2507.09331).
TEST(SampledLoss, CorrectingNegativesAloneBiasesTheGradientLeast) {
  constexpr std::int64_t kItems = 50, kDraws = 10, kRounds = 4000;
  std::vector<std::int64_t> counts;
  for (std::int64_t j = 0; j < kItems; ++j) counts.push_back(1000 / (j + 1));
  const NegativeSampler sampler(counts, 1.0);
  const at::Tensor identity = at::eye(kItems), target = at::tensor({10L}, at::kLong);
  at::Tensor logits = at::tensor(normals(kItems, 21, 0.5), at::kDouble).to(at::kFloat);
  const double rest = (logits.exp().sum() - logits[10].exp()).item<double>();
  logits[10] = std::log(4.0 * rest);
  const at::Tensor exact = at::softmax(logits, 0) - identity[10];
  enum class Correction { kNone, kNegatives, kBoth };
  const auto bias = [&](Correction correction) {
    at::Tensor mean = at::zeros({kItems});
    for (std::int64_t round = 0; round < kRounds; ++round) {
      const auto drawn = sampler.draw(kDraws, 3, static_cast<std::uint64_t>(round));
      std::vector<float> log_q = {static_cast<float>(std::log(kDraws * sampler.probability(10)))};
      for (const auto item : drawn) log_q.push_back(static_cast<float>(std::log(kDraws * sampler.probability(item))));
      const at::Tensor v = logits.clone().reshape({1, kItems}).set_requires_grad(true);
      const at::Tensor negatives = at::tensor(drawn, at::kLong);
      const SampledLayer layer =
          layer_of(v, {identity.index_select(0, target), identity.index_select(0, negatives)}, {}, {target, negatives});
      sampled_loss(layer, correction == Correction::kNone ? at::Tensor() : at::tensor(log_q),
                   {.loss = Loss::kSampledSoftmax, .correct_positive = correction == Correction::kBoth})
          .backward();
      mean += v.grad().reshape({-1}) / kRounds;
    }
    return ((mean - exact).norm() / exact.norm()).item<double>();
  };
  const double negatives_only = bias(Correction::kNegatives);
  EXPECT_LT(negatives_only, 0.15);
  EXPECT_GT(bias(Correction::kBoth), 3 * negatives_only);
  EXPECT_GT(bias(Correction::kNone), 0.6);
}

// A planted distribution, learned from batches whose own targets are the negatives: corrected, the softmax recovers it;
// not corrected, frequent items are held down as often as they come.
TEST(SampledLoss, NegativesInTheBatchRecoverPlantedProbabilities) {
  constexpr std::int64_t kItems = 20, kBatch = 128, kSteps = 1500;
  std::vector<std::int64_t> counts;
  for (std::int64_t j = 0; j < kItems; ++j) counts.push_back(1000 / (j + 2));
  const NegativeSampler planted(counts, 1.0);
  const auto worst_error = [&](bool corrected) {
    at::Tensor logits = at::zeros({kItems}).set_requires_grad(true), mean = at::zeros({kItems});
    for (std::int64_t step = 0; step < kSteps; ++step) {
      const auto targets = planted.draw(kBatch, 9, static_cast<std::uint64_t>(step));
      std::vector<float> log_q;
      for (const auto item : targets)
        log_q.push_back(static_cast<float>(std::log((kBatch - 1) * planted.probability(item))));
      const at::Tensor items = at::tensor(targets, at::kLong);
      SampledLayer layer{.vectors = at::ones({kBatch, 1}),
                         .item_vectors = logits.index_select(0, items).unsqueeze(1),
                         .item_bias = {},
                         .items = items,
                         .targets_are_negatives = true};
      layer.groups = at::arange(kBatch, at::kInt);
      sampled_loss(layer, corrected ? at::tensor(log_q) : at::Tensor(), {.loss = Loss::kSampledSoftmax}).backward();
      const at::NoGradGuard no_grad;
      logits.sub_(logits.grad() * (step < kSteps / 2 ? 2.0 : 0.5));
      logits.mutable_grad() = at::Tensor();
      if (step >= kSteps / 2) mean += at::softmax(logits, 0) / (kSteps - kSteps / 2);
    }
    double worst = 0;
    for (std::int64_t j = 0; j < kItems; ++j)
      worst = std::max(worst, std::abs(mean[j].item<double>() / planted.probability(j) - 1));
    return worst;
  };
  EXPECT_LT(worst_error(true), 0.1);
  EXPECT_GT(worst_error(false), 0.5);
}

// Targets of the batch as negatives: those of the position's own sequence, and its own target, do not count.
TEST(SampledLoss, NegativesInTheBatchAreTargetsOfOtherSequences) {
  const at::Tensor t = tensor_of(normals(16, 31), {4, 4}, false), s = tensor_of(normals(8, 32), {2, 4}, false);
  const at::Tensor v = tensor_of(normals(16, 30), {4, 4});
  const std::vector<std::int64_t> items = {7, 8, 7, 9, 8, 3};
  const std::vector<std::int32_t> groups = {0, 0, 1, 1};
  const Doubles log_q = normals(6, 40, 0.3), weights = {1, 2, 0.5, 0};
  SampledLayer layer = layer_of(v, {t, s}, {}, {at::tensor(items, at::kLong)});
  layer.targets_are_negatives = true;
  layer.groups = at::tensor(groups, at::kInt);
  layer.weights = tensor_of(weights, {4}, false);
  const at::Tensor loss = sampled_loss(layer, tensor_of(log_q, {6}, false), {.loss = Loss::kSampledSoftmax});
  const at::Tensor scores = at::mm(v.detach(), layer.item_vectors.detach().t());
  double expected = 0;
  for (std::int64_t r = 0; r < 4; ++r) {
    const auto score = [&](std::int64_t j) { return scores[r][j].item<double>(); };
    double sum = std::exp(score(r));
    for (std::size_t j = 0; j < 6; ++j) {
      const bool hit = items[j] == items[static_cast<std::size_t>(r)];
      const bool own = j < 4 && groups[j] == groups[static_cast<std::size_t>(r)];
      if (!hit && !own) sum += std::exp(score(static_cast<std::int64_t>(j)) - log_q[j]);
    }
    expected += weights[static_cast<std::size_t>(r)] * (std::log(sum) - score(r)) / 4;
  }
  EXPECT_NEAR(loss.item<double>(), expected, 1e-6);
  loss.backward();
  EXPECT_EQ(v.grad()[3].abs().sum().item<double>(), 0.0);  // of no weight
  EXPECT_GT(v.grad()[0].abs().sum().item<double>(), 0.0);
}

TEST(CrossEntropy, WeightsCountPositions) {
  const Plain plain;
  const at::Tensor items = tensor_of(plain.o, {11, 5}, false), targets = at::tensor(plain.targets, at::kLong);
  const at::Tensor v = tensor_of(plain.v, {7, 5}), w = tensor_of(plain.v, {7, 5});
  const at::Tensor weights = at::tensor({0.F, 1.F, 2.F, 3.F, 0.5F, 0.F, 1.F});
  const auto loss_of = [&](const at::Tensor& vectors, const at::Tensor& of) {
    return cross_entropy({.vectors = vectors,
                          .items = items,
                          .bias = {},
                          .visited_weights = {},
                          .visited_offsets = {},
                          .visited_items = {},
                          .weights = of},
                         targets, {.label_smoothing = 0.1});
  };
  const at::Tensor weighted = loss_of(v, weights);
  // Each position on its own, at its weight.
  at::Tensor sum = at::zeros({});
  for (std::int64_t r = 0; r < 7; ++r) {
    const at::Tensor one = cross_entropy({.vectors = w.narrow(0, r, 1),
                                          .items = items,
                                          .bias = {},
                                          .visited_weights = {},
                                          .visited_offsets = {},
                                          .visited_items = {}},
                                         targets.narrow(0, r, 1), {.label_smoothing = 0.1});
    sum = sum + one * weights[r] / 7;
  }
  EXPECT_NEAR(weighted.item<double>(), sum.item<double>(), 1e-6);
  weighted.backward();
  sum.backward();
  EXPECT_TRUE(at::allclose(v.grad(), w.grad(), 1e-5, 1e-7));
}

}  // namespace
}  // namespace segue::training
