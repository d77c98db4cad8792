// model.pt on a device, as anyone's LibTorch would load it there.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "models/gru_session.h"
#include "models/two_tower.h"
#include "tests/test_device/small_world.h"
#include "tests/test_device/test_device.h"
#include "torchscript/author.h"

namespace segue::test_device {
namespace {

TEST(ScriptedOnDevice, GivesTheListsOfTheCpu) {
  const at::NoGradGuard no_grad;
  models::GruSessionOptions gru;
  gru.embedding_dim = 12, gru.hidden_dim = 16, gru.layer_norm = gru.residual = true;
  models::TwoTowerOptions towers;
  towers.embedding_dim = towers.vector_dim = 12, towers.id_buckets = 20;
  std::vector<std::unique_ptr<models::Model>> made;
  made.push_back(
      std::make_unique<models::GruSession>(gru, kItems, std::vector<features::FeatureSpec>(), item_features()));
  made.push_back(
      std::make_unique<models::TwoTower>(towers, kItems, std::vector<features::FeatureSpec>(), item_features()));
  const at::Tensor items = at::tensor({3, 7, 7, 1, 4, 0, 0, 0, 29, 30, 2, 5}, at::kLong).view({3, 4});
  const at::Tensor lengths = at::tensor({4, 1, 4}, at::kLong);
  const auto path = std::filesystem::path(testing::TempDir()) / "segue_scripted_on_device.pt";
  for (const auto& model : made) {
    model->initialize(3);
    model->to(device());  // what it is written from does not matter
    torchscript::write_model(*model, path, "\"a\"\n");
    const auto lists = [&](at::Device where) {
      auto module = torch::jit::load(path.string(), where);
      module.eval();
      std::vector<at::Tensor> answers;
      for (int call = 0; call < 3; ++call) {  // the profiling executor rewrites the graph after the first calls
        const auto answer = module
                                .get_method("recommend")({items.to(where), lengths.to(where), std::vector<at::Tensor>(),
                                                          std::vector<at::Tensor>(), std::int64_t{5}, true})
                                .toTuple();
        EXPECT_EQ(answer->elements()[0].toTensor().device(), where);
        answers.push_back(answer->elements()[0].toTensor().cpu());
        answers.push_back(answer->elements()[1].toTensor().cpu());
      }
      return answers;
    };
    const auto expected = lists(at::kCPU), found = lists(device());
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(at::allclose(found[i], expected[i], 1e-5, 1e-6)) << model->kind() << ' ' << i;
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace segue::test_device
