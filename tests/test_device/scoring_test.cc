// Evaluation by a model on a device, and recommendations by what was trained there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "evaluation/evaluate.h"
#include "model_file/bundle.h"
#include "models/gru_session.h"
#include "models/model_scorer.h"
#include "models/two_tower.h"
#include "ranking/protocol.h"
#include "recommend/recommend.h"
#include "support/storage.h"
#include "tests/test_device/small_world.h"
#include "tests/test_device/test_device.h"
#include "training/checkpoint.h"
#include "training/trainer.h"

namespace segue::test_device {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxLength = 6, kListLength = 8;

std::unique_ptr<models::Model> make_gru(const models::ItemFeatures& features) {
  models::GruSessionOptions options;
  options.embedding_dim = 12, options.hidden_dim = 16, options.visited_weights = true;
  return std::make_unique<models::GruSession>(options, kItems, std::vector<features::FeatureSpec>(), features);
}

std::unique_ptr<models::Model> make_two_tower(const models::ItemFeatures& features) {
  models::TwoTowerOptions options;
  options.embedding_dim = options.vector_dim = 12, options.user_layers = options.item_layers = {16};
  options.learn_temperature = true;
  return std::make_unique<models::TwoTower>(options, kItems, std::vector<features::FeatureSpec>(), features);
}

class ScoringOnDevice : public testing::TestWithParam<std::unique_ptr<models::Model> (*)(const models::ItemFeatures&)> {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / "segue_scoring_on_device";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  Dataset dataset_ = small_world();
};

TEST_P(ScoringOnDevice, EvaluationFindsTheSame) {
  const auto model = GetParam()(item_features());
  model->initialize(3);
  for (const auto& [name, parameter] : model->parameters())
    if (name == "visited_weights") parameter.detach().copy_(at::tensor({-0.5F, 0.25F}));
  evaluation::EvaluationOptions options;
  options.bootstrap_samples = 10;
  options.baselines = {};
  const auto evaluate = [&] {
    models::ModelScorer scorer(*model, dataset_, kMaxLength, 1);
    return evaluation::evaluate(dataset_, {&scorer}, options, 7, 1);
  };
  const Json expected = evaluate();
  model->to(device());
  reset_counts();
  const Json found = evaluate();
  EXPECT_EQ(found, expected);
  EXPECT_GT(expected.at("systems")[0].at("metrics").at("hit_rate@10").at("value"), 0);
  // Item vectors and biases once, a block's vectors at a time; nothing for each of the 240 queries.
  EXPECT_LE(counts().to_host, 12) << counts().text();
}

TEST_P(ScoringOnDevice, RecommendationsOfWhatWasTrainedThere) {
  const auto trained = GetParam()({}), opened = GetParam()({});
  trained->initialize(3);
  trained->to(device());
  training::TrainingOptions options;
  options.epochs = 1, options.batch_sequences = 8;
  training::TrainingRun run;
  run.directory = folder_ / "run";
  run.n_threads = 1;
  training::train(*trained, dataset_, options, run);

  // As `export` does: from the checkpoint.
  training::load_parameters(training::Checkpoint::load(folder_ / "run/checkpoints/best.safetensors"),
                            opened->parameters(), true);
  std::map<std::string, model_file::TensorBytes> weights;
  for (const auto& [name, parameter] : opened->parameters())
    weights[name] = {model_file::DType::kF32,
                     parameter.sizes().vec(),
                     {static_cast<const char*>(parameter.const_data_ptr()), parameter.nbytes()}};
  fs::create_directories(folder_ / "bundle");
  model_file::write_bundle_files(folder_ / "bundle",
                                 {{"model", {{"kind", opened->kind()}, {"options", opened->options_json()}}}},
                                 dataset_.items(), {}, weights);
  std::ofstream histories(folder_ / "histories.csv");
  histories << "who,what,when\n";
  for (std::int64_t s = 0; s < dataset_.n_sequences(); ++s)
    for (std::int64_t event = dataset_.bounds(s).begin; event + 1 < dataset_.bounds(s).end; ++event)
      histories << s << ',' << dataset_.item_rows()[static_cast<std::size_t>(event)] << ',' << event << '\n';
  histories.close();
  events::SourceOptions source;
  source.sequence_column = "who", source.item_column = "what", source.time_column = "when";
  recommend::RecommendOptions wanted;
  wanted.k = kListLength, wanted.format = recommend::OutputFormat::kCsv, wanted.max_length = kMaxLength;
  recommend::recommend(folder_ / "bundle", source, {(folder_ / "histories.csv").string()}, folder_ / "lists", wanted,
                       kernels::Device{});
  std::istringstream lines(storage::read_file(folder_ / "lists/part-00000-of-00001.csv"));
  std::map<std::string, std::vector<std::string>> lists;
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    lists[cells.at(0)].push_back(cells.at(2));
  }
  ASSERT_EQ(lists.size(), static_cast<std::size_t>(kSequences));

  models::ModelScorer scorer(*trained, dataset_, kMaxLength, 1);
  ranking::RankingProtocol protocol;
  protocol.max_k = kListLength;
  ranking::rank_all(dataset_, scorer, ranking::make_queries(dataset_, protocol), protocol, 1,
                    [&](const ranking::Ranking& ranking) {
                      std::vector<std::string> items;
                      for (const ItemRow item : ranking.items) items.push_back(std::to_string(item));
                      EXPECT_EQ(lists.at(std::to_string(ranking.query->sequence)), items);
                    });
}

INSTANTIATE_TEST_SUITE_P(Models, ScoringOnDevice, testing::Values(&make_gru, &make_two_tower));

}  // namespace
}  // namespace segue::test_device
