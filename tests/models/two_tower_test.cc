// The two towers against their formula in double, an event at a time; and inference by own arithmetic against both.
#include "models/two_tower.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <map>
#include <set>

#include "models/two_tower_inference.h"
#include "support/random.h"

namespace segue::models {
namespace {

constexpr std::int32_t kItems = 40;
using Row = std::vector<double>;

std::vector<features::FeatureSpec> event_specs() {
  return {{"stay", false, 0, false, true}, {"device", true, 4, true, false}, {"month", true, 6, true, true}};
}

struct World {
  std::vector<std::int32_t> items, devices, months;
  std::vector<float> stays;
  batching::FeatureColumns columns;
  World() {
    Random random(3);
    for (int i = 0; i < 400; ++i) {
      items.push_back(static_cast<std::int32_t>(random.below(kItems + 1)));
      devices.push_back(static_cast<std::int32_t>(random.below(4)));
      months.push_back(static_cast<std::int32_t>(random.below(6)));
      stays.push_back(static_cast<float>(random.normal()));
    }
    columns.specs = event_specs();
    columns.codes = {nullptr, devices.data(), months.data()};
    columns.values = {stays.data(), nullptr, nullptr};
  }
  [[nodiscard]] batching::Batch batch(const std::vector<std::pair<std::int64_t, std::int64_t>>& windows) const {
    std::vector<batching::SequenceView> views;
    for (const auto& [begin, length] : windows) views.push_back({begin, items.data() + begin, length, 1, begin});
    return batching::make_batch(views, columns, {kItems, false});
  }
};

ItemFeatures item_features() {
  Random random(12);
  std::vector<std::int32_t> codes;
  std::vector<float> values;
  for (std::int32_t item = 0; item <= kItems; ++item) {
    codes.push_back(static_cast<std::int32_t>(random.below(7)));
    values.push_back(static_cast<float>(random.normal()));
  }
  ItemFeatures features;
  features.add({"genre", true, 7, false, true}, codes, {});
  features.add({"year", false, 0, false, true}, {}, values);
  return features;
}

/// The formula of models/two_tower.h in double.
class PlainTowers {
 public:
  explicit PlainTowers(const TwoTower& model) : model_(model), options_(model.options()) {
    for (const auto& [name, tensor] : model.parameters()) {
      const auto* values = tensor.const_data_ptr<float>();
      parameters_[name] = Row(values, values + tensor.numel());
    }
  }

  [[nodiscard]] Row user(const World& world, std::int64_t begin, std::int64_t length, double age_days) const {
    std::vector<Row> x;
    for (std::int64_t i = begin; i < begin + length; ++i) {
      const auto at = static_cast<std::size_t>(i);
      x.push_back(describe("item_embedding.weight", std::min(world.items[at], kItems)));
      x.back().push_back(static_cast<double>(world.stays[at]));
      append(x.back(), "features.month.weight", world.months[at], 6);
    }
    Row u = options_.history == HistorySummary::kGru ? gru(x) : bag(x);
    const auto next = static_cast<std::size_t>(begin + length);
    append(u, "features.device.weight", world.devices[next], 4);
    append(u, "features.month.weight", world.months[next], 6);
    if (options_.example_age) {
      u.push_back(std::log1p(age_days));
      u.push_back(std::log1p(24 * age_days) / 4);
    }
    u = tower("user_tower", u, options_.user_layers.size());
    return options_.normalize ? unit(u, 1 / options_.temperature) : u;
  }

  [[nodiscard]] Row item(std::int32_t row) const {
    Row y = describe(options_.tied ? "item_embedding.weight" : "output_embedding.weight", row);
    if (parameters_.count("item_tower.0.weight") != 0) y = tower("item_tower", y, options_.item_layers.size());
    return options_.normalize ? unit(y, 1) : y;
  }

 private:
  void append(Row& to, const std::string& table, std::int64_t row, std::int64_t n_codes) const {
    const std::int64_t width = std::min(options_.feature_dim, n_codes);
    const Row& values = parameters_.at(table);
    to.insert(to.end(), values.begin() + row * width, values.begin() + (row + 1) * width);
  }
  [[nodiscard]] Row describe(const std::string& table, std::int32_t item) const {
    const Row& values = parameters_.at(table);
    const auto first = values.begin() + model_.id_row(item) * options_.embedding_dim;
    Row y(first, first + options_.embedding_dim);
    const auto& known = model_.item_features();
    if (!known.specs.empty()) {
      append(y, "item_features.genre.weight", known.tables[0][item].item<std::int64_t>(), 7);
      y.push_back(known.tables[1][item].item<double>());
    }
    return y;
  }
  [[nodiscard]] Row bag(const std::vector<Row>& x) const {
    Row sum(x[0].size(), 0), weights(x[0].size(), 0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      double logit = 0;
      if (options_.history == HistorySummary::kAttention)
        for (std::size_t k = 0; k < sum.size(); ++k) logit += parameters_.at("history.attention")[k] * x[i][k];
      const double w = std::exp(std::min(10.0, std::max(-10.0, logit)));
      for (std::size_t k = 0; k < sum.size(); ++k) {
        double rate = 1;
        if (options_.history != HistorySummary::kMean)
          rate = std::pow(2.0, -1 / std::exp(parameters_.at("history.log_half_life")[k]));
        const double weight = std::pow(rate, static_cast<double>(x.size() - 1 - i)) * w;
        sum[k] += weight * x[i][k];
        weights[k] += weight;
      }
    }
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] /= weights[k];
    return sum;
  }
  [[nodiscard]] Row gru(const std::vector<Row>& x) const {
    const auto hidden = static_cast<std::size_t>(options_.hidden_dim);
    Row h(hidden, 0);
    const auto product = [&](const std::string& part, const Row& in, std::size_t out) {
      double sum = parameters_.at("history.gru.bias_" + part)[out];
      for (std::size_t k = 0; k < in.size(); ++k)
        sum += parameters_.at("history.gru.weight_" + part)[out * in.size() + k] * in[k];
      return sum;
    };
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    for (const Row& event : x) {
      Row next(hidden);
      for (std::size_t k = 0; k < hidden; ++k) {
        const double r = sigmoid(product("ih", event, k) + product("hh", h, k));
        const double z = sigmoid(product("ih", event, hidden + k) + product("hh", h, hidden + k));
        const double n = std::tanh(product("ih", event, 2 * hidden + k) + r * product("hh", h, 2 * hidden + k));
        next[k] = (1 - z) * n + z * h[k];
      }
      h = next;
    }
    return h;
  }
  [[nodiscard]] Row tower(const std::string& name, Row x, std::size_t n_hidden) const {
    for (std::size_t l = 0; l <= n_hidden; ++l) {
      const Row& weight = parameters_.at(name + "." + std::to_string(l) + ".weight");
      Row y = parameters_.at(name + "." + std::to_string(l) + ".bias");
      for (std::size_t o = 0; o < y.size(); ++o)
        for (std::size_t k = 0; k < x.size(); ++k) y[o] += weight[o * x.size() + k] * x[k];
      if (l < n_hidden)
        for (double& value : y) value = std::max(value, 0.0);
      x = y;
    }
    return x;
  }
  static Row unit(Row x, double scale) {
    double squares = 0;
    for (const double value : x) squares += value * value;
    for (double& value : x) value *= scale / std::sqrt(squares);
    return x;
  }

  const TwoTower& model_;
  TwoTowerOptions options_;
  std::map<std::string, Row> parameters_;
};

struct Case {
  std::string name;
  TwoTowerOptions options;
  bool with_items = true;
};

TwoTowerOptions small() {
  TwoTowerOptions options;
  options.embedding_dim = 10;
  options.vector_dim = 6;
  options.feature_dim = 3;
  options.hidden_dim = 9;
  options.init_std = 0.5;
  return options;
}

std::vector<Case> cases() {
  TwoTowerOptions mean = small(), recency = small(), attention = small(), gru = small(), plain = small();
  mean.history = HistorySummary::kMean;
  mean.normalize = false;
  recency.user_layers = {8, 7};
  recency.item_layers = {5};
  recency.example_age = true;
  recency.tied = false;
  attention.history = HistorySummary::kAttention;
  attention.id_buckets = 13;
  attention.item_layers = {4};
  gru.history = HistorySummary::kGru;
  gru.user_layers = {11};
  gru.learn_temperature = true;
  plain.vector_dim = plain.embedding_dim;  // item vectors are the embeddings
  return {{"mean", mean}, {"recency", recency}, {"attention", attention}, {"gru", gru}, {"plain", plain, false}};
}

class TwoTowerTest : public testing::TestWithParam<Case> {
 protected:
  TwoTowerTest()
      : model_(GetParam().options, kItems, event_specs(), GetParam().with_items ? item_features() : ItemFeatures()) {
    model_.initialize(5);
    const at::NoGradGuard no_grad;  // something in every parameter
    for (const auto& [name, tensor] : model_.parameters())
      if (name.find("bias") != std::string::npos || name == "history.attention")
        at::Tensor(tensor).copy_(at::sin(at::arange(tensor.numel(), at::kFloat) * 1.3).reshape(tensor.sizes()) * 0.5);
  }
  World world_;
  TwoTower model_;
  const std::vector<std::pair<std::int64_t, std::int64_t>> windows_ = {{0, 7}, {30, 1}, {50, 7}, {90, 4}};
};

void expect_near(const Row& expected, const float* got, double tolerance) {
  for (std::size_t k = 0; k < expected.size(); ++k)
    EXPECT_NEAR(expected[k], static_cast<double>(got[k]), tolerance) << k;
}

TEST_P(TwoTowerTest, EqualsTheFormula) {
  const PlainTowers plain(model_);
  batching::Batch batch = world_.batch(windows_);
  const at::NoGradGuard no_grad;
  if (GetParam().options.example_age) batch.example_age = at::full({batch.n_positions()}, 3.5);
  const at::Tensor users = model_.forward(batch, false).contiguous();
  const auto last = batch.last_positions();
  for (std::size_t row = 0; row < last.size(); ++row) {
    const auto begin = batch.sequences[row];
    expect_near(plain.user(world_, begin, batch.lengths[row], GetParam().options.example_age ? 3.5 : 0),
                users[last[row]].const_data_ptr<float>(), 2e-5 * model_.scale());
  }
  const at::Tensor items = model_.item_vectors().contiguous();
  for (std::int32_t item = 0; item < kItems; ++item)
    expect_near(plain.item(item), items[item].const_data_ptr<float>(), 2e-5);
  const at::Tensor rows = at::tensor({7L, 3L, 7L, 39L}, at::kLong);
  EXPECT_TRUE(at::allclose(model_.output_vectors(rows), items.index_select(0, rows), 1e-6, 1e-6));
}

TEST_P(TwoTowerTest, InferenceEqualsTheModelAndDoesNotDependOnCompany) {
  const batching::Batch batch = world_.batch(windows_);
  const at::NoGradGuard no_grad;
  const at::Tensor expected = model_.forward(batch, false);
  const auto inference = model_.make_inference();
  const std::int64_t e = inference->vector_dim();
  std::vector<std::int64_t> all(static_cast<std::size_t>(batch.n_positions()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  at::Tensor got = at::empty_like(expected);
  inference->at_positions(batch, all, got.mutable_data_ptr<float>());
  EXPECT_TRUE(at::allclose(got, expected, 1e-5, 2e-6 * model_.scale())) << (got - expected).abs().max();
  const auto last = batch.last_positions();
  for (std::size_t row = 0; row < last.size(); ++row) {
    const batching::Batch alone = world_.batch({{batch.sequences[row], batch.lengths[row]}});
    std::vector<float> vector(static_cast<std::size_t>(e));
    inference->last(alone, vector.data());
    for (std::int64_t k = 0; k < e; ++k)
      EXPECT_EQ(vector[static_cast<std::size_t>(k)], got[last[row]][k].item<float>());
  }
}

// The future must not show: events from t on are corrupted, vectors before t stay as they are, to the bit.
TEST_P(TwoTowerTest, SeesNothingOfTheFuture) {
  const at::NoGradGuard no_grad;
  const at::Tensor before = model_.forward(world_.batch({{100, 9}}), false);
  for (std::size_t i = 105; i < 120; ++i) {
    world_.items[i] = (world_.items[i] + 11) % kItems;
    world_.stays[i] += 5;
    if (i > 105) world_.devices[i] = (world_.devices[i] + 1) % 4, world_.months[i] = (world_.months[i] + 1) % 6;
  }
  const at::Tensor after = model_.forward(world_.batch({{100, 9}}), false);
  EXPECT_TRUE(at::equal(before.narrow(0, 0, 5), after.narrow(0, 0, 5)));
  EXPECT_FALSE(at::equal(before.narrow(0, 5, 4), after.narrow(0, 5, 4)));
}

// Full and row-wise gradients of the item tower agree: a look-up by rows leaves the same sums.
TEST_P(TwoTowerTest, RowGradientsAddUpToTheDenseOnes) {
  const at::Tensor rows = at::tensor({7L, 3L, 7L, 39L, 0L}, at::kLong);
  const at::Tensor to = at::sin(at::arange(5 * GetParam().options.vector_dim, at::kFloat)).reshape({5, -1});
  (model_.item_vectors().index_select(0, rows) * to).sum().backward();
  const std::string table = GetParam().options.tied ? "item_embedding.weight" : "output_embedding.weight";
  at::Tensor parameter;
  for (const auto& [name, tensor] : model_.parameters())
    if (name == table) parameter = tensor;
  const at::Tensor dense = parameter.grad().clone();
  parameter.mutable_grad() = at::Tensor();
  model_.sparse_gradients = true;
  (model_.output_vectors(rows) * to).sum().backward();
  EXPECT_FALSE(parameter.grad().defined());
  at::Tensor sum = at::zeros_like(dense);
  const auto gradients = model_.take_row_gradients();
  for (const auto& piece : gradients.at(table)) sum.index_add_(0, piece.rows, piece.values);
  EXPECT_TRUE(at::allclose(sum, dense, 1e-5, 1e-6));
}

INSTANTIATE_TEST_SUITE_P(Kinds, TwoTowerTest, testing::ValuesIn(cases()),
                         [](const auto& param) { return param.param.name; });

TEST(TwoTower, HashedIdsShareTheStatedNumberOfEmbeddings) {
  TwoTowerOptions options = small();
  options.id_buckets = 8;
  const TwoTower model(options, kItems, {});
  std::set<std::int64_t> rows;
  for (std::int64_t item = 0; item < kItems; ++item) rows.insert(model.id_row(item));
  EXPECT_EQ(rows.size(), 8U);
  EXPECT_LT(*rows.rbegin(), 8);
  EXPECT_EQ(model.id_row(kItems), 8);
  EXPECT_EQ(model.parameters().front().second.size(0), 9);
}

TEST(TwoTower, AnItemOfZerosIsWhatItsFeaturesSay) {
  TwoTowerOptions options = small();
  options.id_dropout = 0.95;
  TwoTower model(options, kItems, {}, item_features());
  model.initialize(4);
  at::Tensor ids = model.parameters().front().second;
  const at::Tensor dropped = model.item_vectors().detach();
  at::NoGradGuard no_grad;
  const at::Tensor whole = model.item_vectors();
  ids.zero_();
  const at::Tensor bare = model.item_vectors();
  int n_bare = 0, n_whole = 0;
  for (std::int32_t item = 0; item < kItems; ++item) {
    n_bare += at::allclose(dropped[item], bare[item]) ? 1 : 0;
    n_whole += at::allclose(dropped[item], whole[item]) ? 1 : 0;
  }
  EXPECT_EQ(n_bare + n_whole, kItems);  // an id is there or it is not, and nothing is scaled for it
  EXPECT_GT(n_bare, n_whole);
}

}  // namespace
}  // namespace segue::models
