// Models with features of every sort: vectors and gradients of the device are those of the CPU.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>
#include <string>
#include <vector>

#include "batching/batch.h"
#include "models/gru_session.h"
#include "models/two_tower.h"
#include "tests/test_device/small_world.h"
#include "tests/test_device/test_device.h"

namespace segue::test_device {
namespace {

/// Histories with a category and a number of every event, the unknown item among them.
struct Histories {
  std::vector<std::int32_t> items, codes;
  std::vector<float> values;
  batching::FeatureColumns columns;
  Histories() {
    Random random(3);
    for (int i = 0; i < 100; ++i) {
      items.push_back(static_cast<std::int32_t>(random.below(kItems + 1)));
      codes.push_back(static_cast<std::int32_t>(random.below(6)));
      values.push_back(static_cast<float>(random.normal()));
    }
    columns.specs = {{"month", true, 6, true, true}, {"price", false, 0, false, true}};
    columns.codes = {codes.data(), nullptr};
    columns.values = {nullptr, values.data()};
  }
  [[nodiscard]] batching::Batch batch() const {
    std::vector<batching::SequenceView> views;
    for (const auto& [begin, length] : {std::pair{0, 7}, {10, 1}, {20, 7}, {40, 4}})
      views.push_back({begin, items.data() + begin, length, 1, begin});
    return batching::make_batch(views, columns, {kItems, false});
  }
};

std::vector<std::unique_ptr<models::Model>> make_models() {
  const Histories histories;
  std::vector<std::unique_ptr<models::Model>> made;
  models::GruSessionOptions gru;
  gru.embedding_dim = 12, gru.hidden_dim = 16;
  made.push_back(std::make_unique<models::GruSession>(gru, kItems, histories.columns.specs, item_features()));
  gru.n_layers = 2, gru.layer_norm = gru.residual = gru.normalize = true, gru.feed_forward_dim = 20, gru.tied = false;
  made.push_back(std::make_unique<models::GruSession>(gru, kItems, histories.columns.specs, item_features()));
  for (const auto history : {models::HistorySummary::kMean, models::HistorySummary::kRecency,
                             models::HistorySummary::kAttention, models::HistorySummary::kGru}) {
    models::TwoTowerOptions towers;
    towers.embedding_dim = towers.vector_dim = 12, towers.user_layers = {16}, towers.item_layers = {14};
    towers.history = history, towers.id_buckets = history == models::HistorySummary::kMean ? 20 : 0;
    towers.learn_temperature = true;
    made.push_back(std::make_unique<models::TwoTower>(towers, kItems, histories.columns.specs, item_features()));
  }
  for (auto& model : made) model->initialize(5);
  return made;
}

/// Vectors of positions and items, then the gradients of all parameters, by name.
std::vector<std::pair<std::string, at::Tensor>> numbers_of(models::Model& model) {
  const at::Tensor vectors = model.forward(Histories().batch().to(model.device()), true), items = model.item_vectors();
  at::mm(vectors, items.t()).tanh().sum().backward();
  std::vector<std::pair<std::string, at::Tensor>> numbers{{"vectors", vectors.detach().cpu()},
                                                          {"items", items.detach().cpu()}};
  for (const auto& [name, parameter] : model.parameters())
    if (parameter.grad().defined()) numbers.emplace_back(name, parameter.grad().cpu());
  return numbers;
}

TEST(ModelsOnDevice, HaveTheVectorsAndGradientsOfTheCpu) {
  auto on_cpu = make_models(), on_device = make_models();
  for (std::size_t m = 0; m < on_cpu.size(); ++m) {
    on_device[m]->to(device());
    const auto expected = numbers_of(*on_cpu[m]), found = numbers_of(*on_device[m]);
    ASSERT_EQ(expected.size(), found.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double away = (found[i].second - expected[i].second).abs().max().item<double>();
      const double largest = expected[i].second.abs().max().item<double>();
      EXPECT_LE(away, 1e-5 * (largest + 1)) << "model " << m << ", " << expected[i].first << ", up to " << largest;
    }
  }
}

}  // namespace
}  // namespace segue::test_device
