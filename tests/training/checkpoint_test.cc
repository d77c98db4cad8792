#include "training/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "model_file/safetensors.h"
#include "support/errors.h"
#include "support/storage.h"

namespace segue::training {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(directory_);
    checkpoint_.tensors = {{"model.a", at::arange(6, at::kFloat).reshape({2, 3})},
                           {"ema.a", at::ones({2, 3})},
                           {"model.b", at::zeros({0, 4})},
                           {"optimizer.a.mean", at::full({1}, 0.1)}};
    checkpoint_.state = {{"step", 7}, {"best_metric", 0.1234567890123456789}};
  }
  void TearDown() override { fs::remove_all(directory_); }
  fs::path directory_ = fs::path(testing::TempDir()) / "segue_checkpoint_test",
           path_ = directory_ / "latest.safetensors";
  Checkpoint checkpoint_;
};

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no DataError";
}

TEST_F(CheckpointTest, ComesBackBitForBit) {
  checkpoint_.save(path_);
  const Checkpoint loaded = Checkpoint::load(path_);
  ASSERT_EQ(loaded.tensors.size(), checkpoint_.tensors.size());
  for (const auto& [name, tensor] : checkpoint_.tensors)
    EXPECT_TRUE(at::equal(loaded.tensors.at(name), tensor)) << name;
  EXPECT_EQ(loaded.state.at("step"), 7);
  EXPECT_EQ(loaded.state.at("best_metric").get<double>(), 0.1234567890123456789);
}

TEST_F(CheckpointTest, LoadsTheAverageWhereThereIsOne) {
  at::Tensor a = at::empty({2, 3}).set_requires_grad(true);
  load_parameters(checkpoint_, {{"a", a}}, true);
  EXPECT_TRUE(at::equal(a.detach(), at::ones({2, 3})));
  load_parameters(checkpoint_, {{"a", a}}, false);
  EXPECT_TRUE(at::equal(a.detach(), checkpoint_.tensors.at("model.a")));
}

TEST_F(CheckpointTest, AnotherModelIsRefusedAndNothingIsLoaded) {
  at::Tensor a = at::full({2, 3}, 9.0), wide = at::zeros({2, 4});
  EXPECT_THAT(message_of([&] { load_parameters(checkpoint_, {{"a", a}, {"c", wide}}, true); }), HasSubstr("'c'"));
  Checkpoint other = checkpoint_;
  other.tensors["model.c"] = at::zeros({2, 5});
  EXPECT_THAT(message_of([&] { load_parameters(other, {{"a", a}, {"c", wide}}, true); }), HasSubstr("[2, 5]"));
  EXPECT_EQ(a.sum().item<double>(), 54.0);
}

TEST_F(CheckpointTest, DamageIsNamed) {
  checkpoint_.save(path_);
  const std::string bytes = storage::read_file(path_);
  storage::write_file(path_, std::string_view(bytes).substr(0, bytes.size() - 5));
  EXPECT_THAT(message_of([&] { Checkpoint::load(path_); }), HasSubstr("latest.safetensors"));
  EXPECT_THAT(message_of([&] { Checkpoint::load(directory_ / "none.safetensors"); }), HasSubstr("none.safetensors"));
}

TEST_F(CheckpointTest, OtherFilesAndNewerFormatsAreRefused) {
  model_file::write_safetensors(path_, {}, {{"by", "somebody"}});
  EXPECT_THAT(message_of([&] { Checkpoint::load(path_); }), HasSubstr("not a checkpoint"));
  model_file::write_safetensors(path_, {}, {{"segue", R"({"format": "segue checkpoint", "version": 99})"}});
  EXPECT_THAT(message_of([&] { Checkpoint::load(path_); }), HasSubstr("newer"));
  model_file::write_safetensors(path_, {}, {{"segue", "{"}});
  EXPECT_THAT(message_of([&] { Checkpoint::load(path_); }), HasSubstr("damaged"));
}

}  // namespace
}  // namespace segue::training
