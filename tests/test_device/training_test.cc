// The trainer on a device: nothing on the wrong one, the weights of the CPU, and how often the host waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "models/gru_session.h"
#include "models/two_tower.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "tests/test_device/small_world.h"
#include "tests/test_device/test_device.h"
#include "training/checkpoint.h"
#include "training/trainer.h"

namespace segue::test_device {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using training::Loss, training::OptimizerKind, training::TrainingOptions;

constexpr std::int64_t kMostUploads = 11;  ///< a step: what a batch holds, and what is drawn for it

struct Case {
  std::string name;
  std::function<void(models::GruSessionOptions&)> gru;      ///< either
  std::function<void(models::TwoTowerOptions&)> two_tower;  ///< or
  std::function<void(TrainingOptions&)> training = [](TrainingOptions&) {};
  bool item_features = false;
};

void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }

void sampled(TrainingOptions& options) {
  options.loss = Loss::kSampledSoftmax;
  options.n_negatives = 12;
  options.n_uniform_negatives = 4;
  options.in_batch_negatives = true;
  options.memory_size = 20;
  options.item_probability = training::ItemProbability::kStreaming;
  options.targets_per_sequence = 3;
}

std::vector<Case> cases() {
  const auto plain_gru = [](models::GruSessionOptions&) {};
  const auto plain_towers = [](models::TwoTowerOptions&) {};
  return {
      {"gru", plain_gru, {}},
      {"gru_visited",
       [](models::GruSessionOptions& options) { options.visited_weights = true; },
       {},
       [](TrainingOptions& options) { options.label_smoothing = 0.1, options.targets_per_sequence = 3; }},
      {"gru_deep",
       [](models::GruSessionOptions& options) {
         options.n_layers = 2, options.layer_norm = options.residual = options.normalize = true;
         options.feed_forward_dim = 20, options.tied = false;
       },
       {},
       [](TrainingOptions& options) { options.ema_decay = 0.9, options.reward_weighting = true; },
       true},
      {"gru_sampled", plain_gru, {}, sampled},
      {"gru_bpr",
       plain_gru,
       {},
       [](TrainingOptions& options) {
         options.loss = Loss::kBprMax, options.n_negatives = 12, options.score_elu = 0.5;
         options.optimizer = OptimizerKind::kAdagrad, options.momentum = 0.2,
         options.max_gradient_norm = 0.02;  // clips
       }},
      {"gru_top1",
       plain_gru,
       {},
       [](TrainingOptions& options) {
         options.loss = Loss::kTop1Max, options.n_negatives = 12;
         options.optimizer = OptimizerKind::kSgd, options.momentum = 0.2, options.max_gradient_norm = 0;
       }},
      {"two_tower", {}, plain_towers},
      {"two_tower_sampled",
       {},
       [](models::TwoTowerOptions& options) {
         options.id_buckets = 20, options.item_layers = {24}, options.learn_temperature = options.output_bias = true;
         options.example_age = true, options.tied = false;
       },
       sampled,
       true},
      {"two_tower_attention",
       {},
       [](models::TwoTowerOptions& options) { options.history = models::HistorySummary::kAttention; }},
      {"two_tower_gru",
       {},
       [](models::TwoTowerOptions& options) { options.history = models::HistorySummary::kGru; },
       sampled},
      {"two_tower_mean", {}, [](models::TwoTowerOptions& options) { options.history = models::HistorySummary::kMean; }},
  };
}

class TrainingOnDevice : public testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() {
    dataset_ = std::make_unique<Dataset>(small_world());
    catch_interrupts();
  }
  static void TearDownTestSuite() { dataset_.reset(); }

  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / "segue_training_on_device";
    fs::remove_all(folder_);
    options_.epochs = 1;
    options_.batch_sequences = 2;
    options_.max_steps = 40;
    options_.warmup_steps = 0;
    options_.learning_rate = 0.005;
    options_.epsilon = 1e-4;  // else AdamW makes large steps of the rounding of gradients that are nearly nothing
    options_.metric = "ndcg@10";
    GetParam().training(options_);
  }
  void TearDown() override {
    clear_interrupt();
    fs::remove_all(folder_);
  }

  static std::unique_ptr<models::Model> make_model() {
    const Case& wanted = GetParam();
    auto features = wanted.item_features ? item_features() : models::ItemFeatures();
    std::unique_ptr<models::Model> model;
    if (wanted.gru) {
      models::GruSessionOptions options;
      options.embedding_dim = 12, options.hidden_dim = 16;
      wanted.gru(options);
      model = std::make_unique<models::GruSession>(options, kItems, dataset_->pipeline().specs(), features);
    } else {
      models::TwoTowerOptions options;
      options.embedding_dim = options.vector_dim = options.hidden_dim = 12, options.user_layers = {16};
      wanted.two_tower(options);
      model = std::make_unique<models::TwoTower>(options, kItems, dataset_->pipeline().specs(), features);
    }
    model->initialize(3);
    return model;
  }

  [[nodiscard]] training::TrainingRun run(const std::string& name) const {
    training::TrainingRun run;
    run.directory = folder_ / name;
    run.seed = 5;
    run.validation.positions = ranking::Positions::kEvery;
    return run;
  }

  static std::unique_ptr<Dataset> dataset_;
  fs::path folder_;
  TrainingOptions options_;
};

std::unique_ptr<Dataset> TrainingOnDevice::dataset_;

TEST_P(TrainingOnDevice, LearnsWhatTheCpuLearns) {
  const auto on_cpu = make_model(), on_device = make_model();
  on_device->to(device());
  const auto expected = training::train(*on_cpu, *dataset_, options_, run("cpu"));
  const auto found = training::train(*on_device, *dataset_, options_, run("device"));
  EXPECT_EQ(found.steps, 40);
  EXPECT_NEAR(found.last_loss, expected.last_loss, 1e-5 * expected.last_loss);
  EXPECT_NEAR(found.best_metric, expected.best_metric, 1e-3);
  for (std::size_t i = 0; i < on_cpu->parameters().size(); ++i) {
    const auto& [name, parameter] = on_device->parameters()[i];
    EXPECT_TRUE(parameter.device().is_privateuseone()) << name;
    const at::Tensor difference = (parameter.cpu() - on_cpu->parameters()[i].second).abs().max();
    EXPECT_LT(difference.item<float>(), 1e-4) << name;
  }
}

// Losses are fetched when a line is logged, here after every second update; between, the host never waits, unless items
// have several codes: how many a batch has is asked once a look-up.
TEST_P(TrainingOnDevice, TheHostWaitsForNoUpdateButWhereOneIsLogged) {
  const auto model = make_model();
  model->to(device());
  const std::int64_t look_ups = !GetParam().item_features ? 0 : GetParam().gru ? 1 : 2;
  training::TrainingRun measured = run("measured");
  measured.after_step = [&](std::int64_t step) {
    const Counts of_step = counts();
    const std::int64_t fetched = step % 2 == 0 ? 1 : 0;
    EXPECT_EQ(of_step.n_waits(), fetched + look_ups) << "step " << step << ": " << of_step.text();
    EXPECT_EQ(of_step.to_host, fetched + look_ups) << "step " << step << ": " << of_step.text();
    EXPECT_LE(of_step.to_device, kMostUploads) << of_step.text();
    EXPECT_GT(of_step.operators, 100);
    reset_counts();
  };
  reset_counts();
  training::train(*model, *dataset_, options_, measured);
}

// Stopped on the device, gone on with on the CPU, stopped and finished on the device: near what the CPU learns alone.
TEST_P(TrainingOnDevice, ARunGoesOnOnAnotherDevice) {
  const auto expected = make_model();
  training::train(*expected, *dataset_, options_, run("whole"));
  training::TrainingRun moved = run("moved");
  std::unique_ptr<models::Model> model;
  for (const std::int64_t stop : {13, 27, 0}) {
    model = make_model();
    model->to(stop == 27 ? at::Device(at::kCPU) : device());
    clear_interrupt();
    moved.after_step = [stop](std::int64_t step) {
      if (step == stop) std::raise(SIGTERM);
    };
    if (stop == 0)
      EXPECT_EQ(training::train(*model, *dataset_, options_, moved).steps, 40);
    else
      EXPECT_THROW(training::train(*model, *dataset_, options_, moved), Interrupted);
    moved.resume = true;
  }
  for (std::size_t i = 0; i < expected->parameters().size(); ++i) {
    const auto& [name, parameter] = expected->parameters()[i];
    EXPECT_LT((model->parameters()[i].second.cpu() - parameter).abs().max().item<float>(), 1e-4) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, TrainingOnDevice, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

/// What is the same for all models; under dropout and bfloat16, in which a device differs from the CPU.
class ATroubledRun : public TrainingOnDevice {};

TEST_P(ATroubledRun, StopsAndResumesInTheSameBits) {
  const auto whole = make_model(), first = make_model(), second = make_model();
  for (const auto* model : {&whole, &first, &second}) (*model)->to(device());
  training::train(*whole, *dataset_, options_, run("whole"));
  training::TrainingRun stopped = run("stopped");
  clear_interrupt();
  stopped.after_step = [](std::int64_t step) {
    if (step == 13) std::raise(SIGTERM);  // its loss was not fetched yet
  };
  EXPECT_THROW(training::train(*first, *dataset_, options_, stopped), Interrupted);
  clear_interrupt();
  stopped.resume = true;
  training::train(*second, *dataset_, options_, stopped);
  const auto a = training::Checkpoint::load(folder_ / "whole/checkpoints/latest.safetensors");
  const auto b = training::Checkpoint::load(folder_ / "stopped/checkpoints/latest.safetensors");
  for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(at::equal(tensor, b.tensors.at(name))) << name;
  EXPECT_EQ(a.state, b.state);
}

TEST_P(ATroubledRun, ALossThatIsNotFiniteIsSeenWithItsStep) {
  const auto model = make_model();
  model->to(device());
  training::TrainingRun troubled = run("not_finite");
  troubled.after_step = [&](std::int64_t step) {
    if (step == 24) model->parameters()[0].second.detach().fill_(std::numeric_limits<float>::quiet_NaN());
  };
  try {
    training::train(*model, *dataset_, options_, troubled);
    FAIL() << "no NumericError";
  } catch (const NumericError& error) {
    EXPECT_THAT(error.what(), HasSubstr("step 25"));  // looked at with step 26
  }
}

TEST_P(ATroubledRun, OutOfMemoryNamesTheBatchAndKeepsTheCheckpoint) {
  options_.epochs = 2;
  options_.max_steps = 0;
  const auto model = make_model();
  model->to(device());
  training::TrainingRun troubled = run("memory");
  std::unique_ptr<LittleMemory> little;
  troubled.after_step = [&](std::int64_t step) {
    if (step == 125) little = std::make_unique<LittleMemory>(1000);  // of the second epoch
  };
  try {
    training::train(*model, *dataset_, options_, troubled);
    FAIL() << "no DeviceError";
  } catch (const DeviceError& error) {
    EXPECT_EQ(error.code(), ExitCode::kDevice);
    EXPECT_THAT(error.what(), HasSubstr("out of memory at step 126"));
    EXPECT_THAT(error.what(), HasSubstr("in a batch of 2 sequences"));
    EXPECT_THAT(error.what(), HasSubstr("training.batch_sequences (now 2)"));
    EXPECT_THAT(error.what(), HasSubstr("are free"));
    EXPECT_THAT(error.what(), HasSubstr("latest.safetensors"));
    EXPECT_THAT(error.what(), HasSubstr("--resume device=cpu"));
  }
  little.reset();
  EXPECT_EQ(training::Checkpoint::load(folder_ / "memory/checkpoints/latest.safetensors").state.at("epoch"), 1);
  const auto on_cpu = make_model();
  troubled.after_step = {};
  troubled.resume = true;
  EXPECT_EQ(training::train(*on_cpu, *dataset_, options_, troubled).epochs, 2);
}

Case dropout_and_bfloat16() {
  return {"gru_dropout_bf16",
          [](models::GruSessionOptions& options) { options.embedding_dropout = options.hidden_dropout = 0.2; },
          {},
          [](TrainingOptions& options) { options.precision = training::Precision::kBFloat16; }};
}

INSTANTIATE_TEST_SUITE_P(Gru, ATroubledRun, testing::Values(dropout_and_bfloat16()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace segue::test_device
