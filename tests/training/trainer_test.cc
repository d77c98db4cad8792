#include "training/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "dataset/prepare.h"
#include "models/gru_session.h"
#include "models/model_scorer.h"
#include "ranking/metrics.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/progress.h"
#include "support/random.h"
#include "support/storage.h"
#include "training/checkpoint.h"

namespace segue::training {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::int64_t kItems = 12;

/// Sequences that step through twelve items by one, with one step in ten at random: the next item is known nine times
/// in ten.
std::string sequences(int n, std::uint64_t stream) {
  Random random(3, stream);
  std::string text = "session,item\n";
  for (int s = 0; s < n; ++s) {
    auto item = random.below(kItems);
    for (std::uint64_t i = 0, length = 3 + random.below(6); i < length; ++i) {
      text += std::to_string(stream) + "_" + std::to_string(s) + ",i" + std::to_string(item) + "\n";
      item = random.uniform() < 0.9 ? (item + 1) % kItems : random.below(kItems);
    }
  }
  return text;
}

class TrainerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_verbosity(Verbosity::kQuiet);
    fs::remove_all(folder());
    storage::write_file(folder() / "train.csv", sequences(300, 1));
    storage::write_file(folder() / "valid.csv", sequences(60, 2));
    storage::write_file(folder() / "test.csv", sequences(60, 3));
    DataOptions options;
    options.prepared = folder() / "prepared";
    options.events = {folder() / "train.csv"};
    options.validation_events = {folder() / "valid.csv"};
    options.test_events = {folder() / "test.csv"};
    options.source.sequence_column = "session";
    options.source.item_column = "item";
    options.split = SplitKind::kFiles;
    prepare(options, 1);
    dataset_ = std::make_unique<Dataset>(Dataset::open(options.prepared));
    catch_interrupts();
  }
  static void TearDownTestSuite() {
    dataset_.reset();
    fs::remove_all(folder());
  }
  void SetUp() override {
    clear_interrupt();
    options_.epochs = 3;
    options_.batch_sequences = 16;
    options_.learning_rate = 0.02;
    options_.warmup_steps = 5;
    options_.metric = "hit_rate@1";
    model_options_.embedding_dim = 16;
    model_options_.hidden_dim = 16;
    model_options_.hidden_dropout = 0.1;
  }
  void TearDown() override { clear_interrupt(); }

  static fs::path folder() { return fs::path(testing::TempDir()) / "segue_trainer_test"; }

  models::GruSession fresh_model() const {
    models::GruSession model(model_options_, dataset_->n_items(), dataset_->pipeline().specs());
    model.initialize(17);
    return model;
  }
  TrainingRun run_in(const std::string& name) const {
    TrainingRun run;
    run.directory = folder() / name;
    run.seed = 5;
    run.identity = {{"training", options_.to_json()}};
    run.validation.positions = ranking::Positions::kEvery;
    return run;
  }
  static Checkpoint latest(const TrainingRun& run) {
    return Checkpoint::load(run.directory / "checkpoints" / "latest.safetensors");
  }

  static std::unique_ptr<Dataset> dataset_;
  TrainingOptions options_;
  models::GruSessionOptions model_options_;
};

std::unique_ptr<Dataset> TrainerTest::dataset_;

class EveryLossTest : public TrainerTest, public testing::WithParamInterface<Loss> {};

TEST_P(EveryLossTest, LearnsAWorldThatIsKnown) {
  options_.loss = GetParam();
  options_.n_negatives = 8;
  options_.bpr_regularization = 0.1;
  options_.epochs = 8;
  models::GruSession model = fresh_model();
  const TrainingResult result =
      train(model, *dataset_, options_, run_in("loss_" + std::to_string(static_cast<int>(GetParam()))));
  EXPECT_GT(result.best_metric, 0.82);  // .9 + .1 / 12 is the best reachable on average
  EXPECT_GT(result.events_per_s, 0);
  EXPECT_EQ(result.epochs, 8);
}

TEST_F(TrainerTest, ValidatesOnSetsAsEvaluationDoes) {
  options_.epochs = 1;
  options_.metric = "ndcg@5";
  TrainingRun run = run_in("rest");
  run.validation = {.positions = ranking::Positions::kRest, .hide_seen = true, .given = 0.5};
  models::GruSession model = fresh_model();
  const TrainingResult result = train(model, *dataset_, options_, run);

  ranking::RankingProtocol protocol = run.validation;
  protocol.part = Part::kValidation;
  protocol.max_k = 5;
  models::ModelScorer scorer(model, *dataset_, options_.max_length, 1);
  ranking::MetricAccumulator sums({{"ndcg", 5}}, dataset_->n_items());
  std::int64_t n_targets = 0;
  ranking::rank_all(*dataset_, scorer, ranking::make_queries(*dataset_, protocol), protocol, 1,
                    [&](const ranking::Ranking& ranking) {
                      n_targets += ranking.n_targets;
                      sums.add(ranking);
                    });
  EXPECT_GT(n_targets, sums.n_queries());  // sets indeed
  EXPECT_EQ(result.best_metric, sums.values().at("ndcg@5"));
  EXPECT_GT(result.best_metric, 0.3);
}

INSTANTIATE_TEST_SUITE_P(Losses, EveryLossTest,
                         testing::Values(Loss::kCrossEntropy, Loss::kSampledSoftmax, Loss::kBprMax, Loss::kTop1Max));

struct ResumeCase {
  Loss loss;
  OptimizerKind optimizer;
  double ema, momentum;
  Schedule schedule;
  bool visited;
};
class ResumeTest : public TrainerTest, public testing::WithParamInterface<ResumeCase> {};

// The promise of the program: stopping and going on gives the bits of never having stopped.
TEST_P(ResumeTest, AStoppedRunEndsInTheSameBits) {
  options_.loss = GetParam().loss;
  options_.n_negatives = 8;
  options_.optimizer = GetParam().optimizer;
  options_.ema_decay = GetParam().ema;
  options_.momentum = GetParam().momentum;
  options_.schedule = GetParam().schedule;
  model_options_.visited_weights = GetParam().visited;
  if (GetParam().loss == Loss::kSampledSoftmax) {  // all that an objective remembers from update to update
    options_.n_uniform_negatives = 4;
    options_.in_batch_negatives = true;
    options_.memory_size = 50;
    options_.item_probability = ItemProbability::kStreaming;
    options_.targets_per_sequence = 4;
  }
  fs::remove_all(folder() / "whole");
  fs::remove_all(folder() / "stopped");
  models::GruSession whole = fresh_model();
  const TrainingRun whole_run = run_in("whole");
  train(whole, *dataset_, options_, whole_run);

  TrainingRun stopped_run = run_in("stopped");
  stopped_run.after_step = [](std::int64_t step) {
    if (step == 8 || step == 30) std::raise(SIGTERM);  // in mid-epoch, twice
  };
  int stops = 0;
  for (bool finished = false; !finished;) {
    models::GruSession model = fresh_model();  // as a new process would make it
    clear_interrupt();
    try {
      train(model, *dataset_, options_, stopped_run);
      finished = true;
    } catch (const Interrupted& stop) {
      EXPECT_EQ(stop.code(), ExitCode::kTerminated);
      EXPECT_THAT(stop.what(), HasSubstr("--resume"));
      ASSERT_LE(++stops, 2);
      stopped_run.resume = true;
    }
  }
  EXPECT_EQ(stops, 2);
  const Checkpoint a = latest(whole_run), b = latest(stopped_run);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(at::equal(tensor, b.tensors.at(name))) << name;
  EXPECT_EQ(a.state, b.state);
  // The log has every epoch once, whatever happened.
  const auto count = [](const TrainingRun& run) {
    const std::string text = storage::read_file(run.directory / "training.jsonl");
    std::size_t n = 0;
    for (std::size_t at = text.find("\"kind\":\"epoch\""); at != std::string::npos;
         at = text.find("\"kind\":\"epoch\"", at + 1))
      ++n;
    return n;
  };
  EXPECT_EQ(count(whole_run), 3U);
  EXPECT_EQ(count(stopped_run), 3U);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ResumeTest,
    testing::Values(ResumeCase{Loss::kCrossEntropy, OptimizerKind::kAdamW, 0.99, 0, Schedule::kCosine, true},
                    ResumeCase{Loss::kBprMax, OptimizerKind::kAdagrad, 0, 0.15, Schedule::kConstant, false},
                    ResumeCase{Loss::kSampledSoftmax, OptimizerKind::kSgd, 0, 0.9, Schedule::kConstant, false}));

TEST_F(TrainerTest, SameSeedSameBitsOtherSeedOtherBits) {
  options_.epochs = 1;
  const auto weights = [&](std::uint64_t seed, const std::string& name) {
    models::GruSession model = fresh_model();
    TrainingRun run = run_in(name);
    run.seed = seed;
    train(model, *dataset_, options_, run);
    return model.parameters()[0].second.detach().clone();
  };
  const at::Tensor first = weights(5, "seed_a");
  EXPECT_TRUE(at::equal(first, weights(5, "seed_b")));
  EXPECT_FALSE(at::equal(first, weights(6, "seed_c")));
}

TEST_F(TrainerTest, ALossThatIsNotFiniteStopsAndKeepsTheLastGoodCheckpoint) {
  models::GruSession model = fresh_model();
  TrainingRun run = run_in("not_finite");
  at::Tensor table = model.parameters()[0].second;
  run.after_step = [&](std::int64_t step) {
    if (step == 25) table.detach().fill_(std::numeric_limits<float>::quiet_NaN());
  };
  try {
    train(model, *dataset_, options_, run);
    FAIL() << "no NumericError";
  } catch (const NumericError& error) {
    EXPECT_EQ(error.code(), ExitCode::kNumeric);
    EXPECT_THAT(error.what(), HasSubstr("step 26"));
    EXPECT_THAT(error.what(), HasSubstr("latest.safetensors"));
  }
  const Checkpoint kept = latest(run);
  EXPECT_LT(kept.state.at("step").get<int>(), 25);
  for (const auto& [name, tensor] : kept.tensors) EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << name;
}

TEST_F(TrainerTest, StopsEarlyWhenNothingGetsBetter) {
  options_.learning_rate = 0;
  options_.epochs = 50;
  options_.patience = 2;
  models::GruSession model = fresh_model();
  const TrainingResult result = train(model, *dataset_, options_, run_in("early"));
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.epochs, 3);
  EXPECT_EQ(result.best_epoch, 1);
}

TEST_F(TrainerTest, ResumingUnderOtherOptionsIsRefused) {
  options_.epochs = 1;
  models::GruSession model = fresh_model();
  TrainingRun run = run_in("other");
  train(model, *dataset_, options_, run);
  options_.beta1 = 0.8;
  TrainingRun changed = run_in("other");
  changed.resume = true;
  try {
    train(model, *dataset_, options_, changed);
    FAIL() << "no DataError";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("training.beta1"));
  }
}

TEST_F(TrainerTest, BestHoldsTheAverageAndTheLogHoldsTheMetric) {
  options_.ema_decay = 0.9;
  models::GruSession model = fresh_model();
  const TrainingRun run = run_in("logged");
  train(model, *dataset_, options_, run);
  const Checkpoint best = Checkpoint::load(run.directory / "checkpoints" / "best.safetensors");
  EXPECT_TRUE(best.tensors.contains("ema.item_embedding.weight"));
  std::istringstream lines(storage::read_file(run.directory / "training.jsonl"));
  double best_logged = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json entry = Json::parse(line);
    if (entry.at("kind") == "epoch") best_logged = std::max(best_logged, entry.at("hit_rate@1").get<double>());
  }
  EXPECT_EQ(best.state.at("best_metric").get<double>(), best_logged);
}

TEST_F(TrainerTest, VisitedWeightsNeedTheFullLoss) {
  options_.loss = Loss::kBprMax;
  model_options_.visited_weights = true;
  models::GruSession model = fresh_model();
  EXPECT_THROW(train(model, *dataset_, options_, run_in("visited")), ConfigError);
}

}  // namespace
}  // namespace segue::training
