#include "cli/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "models/gru_session.h"
#include "support/errors.h"
#include "tests/test_device/test_device.h"
#include "training/resident_memory.h"

namespace segue::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

models::GruSession make_model() {
  models::GruSessionOptions options;
  options.embedding_dim = 32, options.hidden_dim = 32;
  models::GruSession model(options, 1000, {});
  model.initialize(3);
  return model;
}

ChosenDevice gpu(bool may_fall_back) {
  ChosenDevice device;
  device.torch_device = test_device::device();
  device.n_threads = 2;
  device.description = "cuda:0 (a GPU)";
  device.may_fall_back = may_fall_back;
  return device;
}

TEST(PlaceModel, OntoTheDeviceWhereItFits) {
  auto model = make_model();
  ChosenDevice device = gpu(false);
  device.free_bytes = [] { return 200 * kMiB; };
  EXPECT_EQ(place_model(model, device, kMiB, "training").torch_device, test_device::device());
  EXPECT_EQ(model.device(), test_device::device());
}

TEST(PlaceModel, TooLittleMemoryIsToldInBytesOrTheCpuIsTaken) {
  auto model = make_model();
  ChosenDevice device = gpu(false);
  device.free_bytes = [] { return 300 * kMiB; };
  try {
    place_model(model, device, 400 * kMiB, "training");
    FAIL() << "no DeviceError";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("training needs 553.6 MB on cuda:0 (a GPU)"),
                                    HasSubstr("314.6 MB are free"), HasSubstr("device=cpu"), HasSubstr("nvidia-smi")));
  }
  device.may_fall_back = true;
  const ChosenDevice used = place_model(model, device, 400 * kMiB, "training");
  EXPECT_TRUE(used.torch_device.is_cpu());
  EXPECT_EQ(used.n_threads, 2);
  EXPECT_EQ(used.description, "cpu, 2 threads");
  EXPECT_TRUE(model.device().is_cpu());
}

TEST(PlaceModel, MemoryThatRunsOutOnTheWay) {
  for (const bool may_fall_back : {false, true}) {
    auto model = make_model();
    const at::Tensor before = model.parameters()[0].second.detach().clone();
    // The first parameter fits, the others do not; nothing is said of free bytes.
    const test_device::LittleMemory little(before.nbytes() + 100);
    if (may_fall_back)
      EXPECT_TRUE(place_model(model, gpu(true), kMiB, "training").torch_device.is_cpu());
    else
      EXPECT_THROW(place_model(model, gpu(false), kMiB, "training"), DeviceError);
    EXPECT_TRUE(model.device().is_cpu());
    EXPECT_TRUE(at::equal(model.parameters()[0].second, before));
  }
}

TEST(ResidentBytes, CountsWhatAnOptimizerKeeps) {
  const auto model = make_model();
  std::int64_t parameters = 0;
  for (const auto& [name, parameter] : model.parameters()) parameters += 4 * parameter.numel();
  const std::int64_t item_vectors = 4 * 1000 * 32;
  EXPECT_EQ(training::resident_bytes(model), parameters + item_vectors);
  training::TrainingOptions options;  // AdamW on the full cross-entropy: two means, and a dense gradient
  EXPECT_EQ(training::resident_bytes(model, options), 4 * parameters + item_vectors);
  options.ema_decay = 0.9;
  EXPECT_EQ(training::resident_bytes(model, options), 5 * parameters + item_vectors);
  options.loss = training::Loss::kSampledSoftmax;
  options.optimizer = training::OptimizerKind::kSgd;
  options.memory_size = 50;
  EXPECT_EQ(training::resident_bytes(model, options), 2 * parameters + item_vectors + 4 * 50 * 32);
}

}  // namespace
}  // namespace segue::cli
