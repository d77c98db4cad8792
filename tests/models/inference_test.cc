#include "models/session_inference.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "models/gru_session.h"
#include "support/random.h"

namespace segue::models {
namespace {

constexpr std::int32_t kItems = 50;

struct World {
  std::vector<std::int32_t> items, codes;
  std::vector<float> values;
  batching::FeatureColumns columns;
  explicit World(std::int64_t n = 4000) {
    Random random(3);
    for (std::int64_t i = 0; i < n; ++i) {
      items.push_back(static_cast<std::int32_t>(random.below(kItems + 1)));
      codes.push_back(static_cast<std::int32_t>(random.below(6)));
      values.push_back(static_cast<float>(random.normal()));
      if (i % 7 == 2) items.back() = kItems;  // every history of some length meets the unknown item
    }
    columns.specs = {{"month", true, 6, true, true}, {"price", false, 0, false, true}};
    columns.codes = {codes.data(), nullptr};
    columns.values = {nullptr, values.data()};
  }
  [[nodiscard]] batching::SequenceView view(std::int64_t begin, std::int64_t length) const {
    return {begin, items.data() + begin, length, 1, begin};
  }
  [[nodiscard]] batching::Batch batch(const std::vector<batching::SequenceView>& views) const {
    return batching::make_batch(views, columns, {kItems, false});
  }
};

/// A category and a number of every item, and of the unknown one.
ItemFeatures item_features() {
  Random random(12);
  std::vector<std::int32_t> codes;
  std::vector<float> values;
  for (std::int32_t item = 0; item <= kItems; ++item) {
    codes.push_back(static_cast<std::int32_t>(random.below(12)));
    values.push_back(static_cast<float>(random.normal()));
  }
  ItemFeatures features;
  features.add({"genre", true, 12, false, true}, codes, {});
  features.add({"year", false, 0, false, true}, {}, values);
  return features;
}

/// Up to three of seven words of every item; the unknown one has none.
ItemFeatures with_words(ItemFeatures features) {
  Random random(15);
  std::vector<std::int32_t> codes;
  std::vector<std::int64_t> offsets = {0};
  for (std::int32_t item = 0; item <= kItems; ++item) {
    for (std::int32_t code = 0; item < kItems && code < 7; ++code)
      if (random.below(3) == 0 && codes.size() < static_cast<std::size_t>(offsets.back()) + 3) codes.push_back(code);
    offsets.push_back(static_cast<std::int64_t>(codes.size()));
  }
  features.add({"words", true, 7, false, true, true}, codes, {}, offsets);
  return features;
}

std::vector<GruSessionOptions> variants() {
  GruSessionOptions plain;
  plain.embedding_dim = 24;
  plain.hidden_dim = 40;
  GruSessionOptions rich = plain;
  rich.n_layers = 2;
  rich.layer_norm = rich.residual = rich.normalize = true;
  rich.feed_forward_dim = 70;
  rich.tied = false;
  GruSessionOptions same = plain;
  same.hidden_dim = 24;
  same.n_layers = 2;
  return {plain, rich, same};
}

TEST(SessionInference, EqualsTheModel) {
  const World world;
  for (const auto& options : variants()) {
    for (const auto& items : {ItemFeatures(), item_features(), with_words(item_features()), with_words({})}) {
      GruSession model(options, kItems, world.columns.specs, items);
      model.initialize(5);
      const auto batch = world.batch({world.view(0, 7), world.view(30, 1), world.view(50, 7), world.view(90, 4)});
      const at::Tensor expected = model.last(batch);
      at::Tensor got = at::empty_like(expected);
      SessionInference(model).last(batch, got.mutable_data_ptr<float>());
      EXPECT_TRUE(at::allclose(got, expected, 1e-4, 1e-5)) << (got - expected).abs().max();
    }
  }
}

TEST(SessionInference, NeighboursNeverChangeABit) {
  const World world;
  for (const auto& options : variants()) {
    GruSession model(options, kItems, world.columns.specs, item_features());
    model.initialize(5);
    const SessionInference inference(model);
    const auto e = static_cast<std::size_t>(options.embedding_dim);
    std::vector<float> alone(e);
    const auto target = world.view(1000, 5);
    inference.last(world.batch({target}), alone.data());
    Random random(8);
    for (int trial = 0; trial < 30; ++trial) {
      std::vector<batching::SequenceView> views;
      for (std::uint64_t i = 0, n = random.below(64); i < n; ++i) {
        views.push_back(
            world.view(static_cast<std::int64_t>(random.below(900)), 1 + static_cast<std::int64_t>(random.below(12))));
      }
      views.insert(views.begin() + static_cast<std::ptrdiff_t>(random.below(views.size() + 1)), target);
      const auto batch = world.batch(views);
      std::vector<float> vectors(views.size() * e);
      inference.last(batch, vectors.data());
      for (std::size_t row = 0; row < views.size(); ++row) {
        if (batch.sequences[row] != 1000) continue;
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), vectors.begin() + static_cast<std::ptrdiff_t>(row * e)));
      }
    }
  }
}

/// What is known of an item, written beside each of its events, is a history feature: the same numbers, and the same
/// gradients.
TEST(GruSession, ReadsFeaturesOfItemsAsThoseOfTheirEvents) {
  const World world;
  const auto items = item_features();
  std::vector<std::int32_t> codes;
  std::vector<float> values;
  for (const auto item : world.items) {
    codes.push_back(static_cast<std::int32_t>(items.tables[0][item].item<std::int64_t>()));
    values.push_back(items.tables[1][item].item<float>());
  }
  batching::FeatureColumns columns;
  columns.specs = {{"genre", true, 12, false, true}, {"year", false, 0, false, true}};
  columns.codes = {codes.data(), nullptr};
  columns.values = {nullptr, values.data()};
  const std::vector<batching::SequenceView> views = {world.view(0, 9), world.view(20, 3), world.view(40, 30)};
  for (const auto& options : variants()) {
    GruSession of_items(options, kItems, {}, items), of_events(options, kItems, columns.specs);
    of_items.initialize(5);
    of_events.initialize(5);
    ASSERT_EQ(of_items.parameters().size(), of_events.parameters().size());
    EXPECT_EQ(of_items.parameters()[1].first, "item_features.genre.weight");
    EXPECT_EQ(of_events.parameters()[1].first, "features.genre.weight");
    const at::Tensor a = of_items.forward(batching::make_batch(views, {}, {kItems, false}), true);
    const at::Tensor b = of_events.forward(batching::make_batch(views, columns, {kItems, false}), true);
    EXPECT_TRUE(at::equal(a, b));
    EXPECT_EQ(of_items.flop_per_position(), of_events.flop_per_position());
    const auto gradient = [](const at::Tensor& vectors, const GruSession& model) {
      return torch::autograd::grad({vectors.sum()}, {model.parameters()[1].second})[0];
    };
    EXPECT_TRUE(at::equal(gradient(a, of_items), gradient(b, of_events)));
    EXPECT_GT(gradient(of_items.forward(batching::make_batch(views, {}, {kItems, false}), true), of_items)
                  .abs()
                  .sum()
                  .item<float>(),
              0);
  }
}

/// Means and their gradients, by hand: items of codes {0, 2}, {}, {1}, and rows that repeat.
TEST(MeanOfCodes, AveragesAndSharesTheGradient) {
  at::Tensor weight = at::tensor({1.0F, 2.0F, 10.0F, 20.0F, 3.0F, 6.0F}).view({3, 2});
  weight.requires_grad_(true);
  const at::Tensor codes = at::tensor({0, 2, 1}, at::kLong), offsets = at::tensor({0, 2, 2, 3}, at::kLong);
  const at::Tensor means = mean_of_codes(weight, codes, offsets, at::tensor({2, 0, 1, 0}, at::kLong));
  EXPECT_TRUE(at::equal(means.detach(), at::tensor({10.0F, 20.0F, 2.0F, 4.0F, 0.0F, 0.0F, 2.0F, 4.0F}).view({4, 2})));
  const at::Tensor weights = at::tensor({1.0F, 10.0F, 100.0F, 1000.0F}).unsqueeze(1);
  const at::Tensor gradient = torch::autograd::grad({(means * weights).sum()}, {weight})[0];
  // Code 0 and 2: half of 10 + 1000 each; code 1: all of 1.
  EXPECT_TRUE(at::equal(gradient, at::tensor({505.0F, 505.0F, 1.0F, 1.0F, 505.0F, 505.0F}).view({3, 2})));
  const at::Tensor nothing = mean_of_codes(weight, codes, offsets, at::tensor({1, 1}, at::kLong));
  EXPECT_TRUE(at::equal(nothing.detach(), at::zeros({2, 2})));
}

TEST(GruSession, RefusesOffsetsThatDoNotFitTheItems) {
  const auto with = [](std::vector<std::int32_t> codes, std::vector<std::int64_t> offsets, bool multiple = true) {
    ItemFeatures features;
    features.add({"words", true, 4, false, true, multiple}, codes, {}, offsets);
    return GruSession({}, 2, {}, features);
  };
  EXPECT_NO_THROW(with({3, 0, 1}, {0, 1, 3, 3}));
  EXPECT_NO_THROW(with({}, {0, 0, 0, 0}));
  EXPECT_THROW(with({3, 0, 1}, {0, 1, 3}), std::invalid_argument);     // no entry for the unknown item
  EXPECT_THROW(with({3, 0, 1}, {0, 2, 1, 3}), std::invalid_argument);  // not rising
  EXPECT_THROW(with({3, 0, 1}, {0, 1, 2, 2}), std::invalid_argument);  // a code of no item
  EXPECT_THROW(with({3, 0, 4}, {0, 1, 3, 3}), std::invalid_argument);  // no such code
}

TEST(GruSession, RefusesTablesThatDoNotFitTheItems) {
  const GruSessionOptions options;
  const auto with = [&](std::int32_t n_codes, std::vector<std::int32_t> codes) {
    ItemFeatures features;
    features.add({"genre", true, n_codes, false, true}, codes, {});
    return GruSession(options, 2, {}, features);
  };
  EXPECT_NO_THROW(with(4, {0, 3, 0}));
  EXPECT_THROW(with(4, {0, 3}), std::invalid_argument);     // no row for the unknown item
  EXPECT_THROW(with(4, {0, 4, 0}), std::invalid_argument);  // no such code
  EXPECT_THROW(with(4, {0, -1, 0}), std::invalid_argument);
}

TEST(GruSession, GradientsComeByRowsOnRequest) {
  const World world;
  GruSession model(variants()[0], kItems, world.columns.specs);
  model.initialize(5);
  model.sparse_gradients = true;
  const auto batch = world.batch({world.view(0, 3), world.view(9, 2)});
  const at::Tensor rows = at::tensor(std::vector<std::int64_t>{3, 7, 3}, at::kLong);
  const auto [name, table] = model.parameters()[0];
  (model.forward(batch, true).sum() + model.output_vectors(rows).sum()).backward();
  EXPECT_FALSE(table.grad().defined());
  at::Tensor summed = at::zeros_like(table.detach());
  const auto gradients = model.take_row_gradients();
  ASSERT_EQ(gradients.at(name).size(), 2);
  for (const auto& [of_rows, values] : gradients.at(name)) summed.index_add_(0, of_rows, values);
  EXPECT_TRUE(model.take_row_gradients().empty());
  model.sparse_gradients = false;
  const at::Tensor again = model.forward(batch, true).sum() + model.output_vectors(rows).sum();
  const at::Tensor dense = torch::autograd::grad({again}, {table})[0];
  EXPECT_TRUE(at::allclose(summed, dense, 1e-5, 1e-6));
}

TEST(GruSession, DropoutRepeatsUnderTheSeed) {
  const World world;
  auto options = variants()[1];
  options.embedding_dropout = options.hidden_dropout = 0.3;
  GruSession model(options, kItems, world.columns.specs);
  model.initialize(5);
  const auto batch = world.batch({world.view(0, 9), world.view(20, 4)});
  model.dropout_seed = 1;
  const at::Tensor first = model.forward(batch, true);
  EXPECT_TRUE(at::equal(model.forward(batch, true), first));
  model.dropout_seed = 2;
  EXPECT_FALSE(at::equal(model.forward(batch, true), first));
}

TEST(SessionInference, Rate) {
  if (std::getenv("SEGUE_MEASURE") == nullptr) GTEST_SKIP() << "set SEGUE_MEASURE to measure";
  const World world(40000);
  GruSessionOptions options;
  options.embedding_dim = 48;
  options.hidden_dim = 128;
  GruSession model(options, kItems, world.columns.specs);
  model.initialize(5);
  const SessionInference inference(model);
  std::vector<batching::SequenceView> views;
  for (std::int64_t i = 0; i < 256; ++i) views.push_back(world.view(i * 20, 5));
  std::vector<float> vectors(256 * 48);
  const auto start = std::chrono::steady_clock::now();
  constexpr int kRepeats = 200;
  for (int i = 0; i < kRepeats; ++i) inference.last(world.batch(views), vectors.data());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%.0f histories/s on one thread\n", kRepeats * 256 / seconds.count());
}

}  // namespace
}  // namespace segue::models
