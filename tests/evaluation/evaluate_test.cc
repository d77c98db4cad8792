#include "evaluation/evaluate.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dataset/prepare.h"
#include "support/errors.h"
#include "support/random.h"
#include "support/storage.h"

namespace segue::evaluation {
namespace {

namespace fs = std::filesystem;

constexpr int kSequences = 400;

/// Sequences a -> ? where the last item is b, c or d with probability .6, .3, .1: the best list is known.
class EvaluateTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) / "segue_evaluate_test";
    fs::remove_all(directory_);
    write_events("train.csv", 1);
    write_events("test.csv", 2);
    DataOptions options;
    options.prepared = directory_ / "prepared";
    options.events = {directory_ / "train.csv"};
    options.test_events = {directory_ / "test.csv"};
    options.source.sequence_column = "trip";
    options.source.item_column = "city";
    options.split = SplitKind::kFiles;
    prepare(options, 1);
    dataset_ = std::make_unique<Dataset>(Dataset::open(options.prepared));

    options_.metrics = {"hit_rate@1", "mrr@3"};
    options_.baselines.names = {"popularity"};
    options_.protocol.max_k = 3;
    options_.bootstrap_samples = 300;
    options_.examples = 3;
  }
  void TearDown() override { fs::remove_all(directory_); }

  void write_events(const std::string& name, std::uint64_t stream) const {
    Random random(11, stream);
    std::string text = "trip,city\n";
    for (int i = 0; i < kSequences; ++i) {
      const auto trip = name.substr(0, 2) + std::to_string(i);
      const double u = random.uniform();
      text += trip + ",a\n" + trip + (u < 0.6 ? ",b\n" : u < 0.9 ? ",c\n" : ",d\n");
    }
    storage::write_file(directory_ / name, text);
  }

  /// P(b, c, d) for every test trip, as the generator of a world writes it.
  fs::path write_bayes(const std::vector<float>& probabilities) const {
    arrow::StringBuilder ids;
    auto values = std::make_shared<arrow::FloatBuilder>();
    arrow::FixedSizeListBuilder lists(arrow::default_memory_pool(), values, 3);
    for (int i = 0; i < kSequences; ++i) {
      EXPECT_TRUE(ids.Append("te" + std::to_string(i)).ok());
      EXPECT_TRUE(lists.Append().ok());
      EXPECT_TRUE(values->AppendValues(probabilities).ok());
    }
    auto list_type = arrow::fixed_size_list(arrow::float32(), 3);
    const auto schema =
        arrow::schema({arrow::field("utrip_id", arrow::utf8()), arrow::field("probabilities", list_type)},
                      arrow::key_value_metadata({"cities"}, {R"(["b", "c", "d"])"}));
    const auto table = arrow::Table::Make(schema, {ids.Finish().ValueOrDie(), lists.Finish().ValueOrDie()});
    const auto path = directory_ / "bayes.parquet";
    const auto file = arrow::io::FileOutputStream::Open(path.string()).ValueOrDie();
    const auto properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    EXPECT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), file, 1024,
                                           parquet::default_writer_properties(), properties)
                    .ok());
    EXPECT_TRUE(file->Close().ok());
    return path;
  }

  fs::path directory_;
  std::unique_ptr<Dataset> dataset_;
  EvaluationOptions options_;
};

/// Gives each item id the same score in every query.
class FixedScorer : public ranking::Scorer {
 public:
  FixedScorer(const Dataset& dataset, std::vector<std::pair<std::string, float>> scores)
      : dataset_(dataset), scores_(std::move(scores)) {}
  [[nodiscard]] std::string name() const override { return "fixed"; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(queries.size()); ++i) {
      std::fill(scores.row(i), scores.row(i) + scores.n_cols, -1.0F);
      for (const auto& [id, score] : scores_) scores.row(i)[dataset_.items().find(id)] = score;
    }
  }

 private:
  const Dataset& dataset_;
  std::vector<std::pair<std::string, float>> scores_;
};

/// Ranks b c d, as is best; of the queries that this order misses it reads the answer of the first `n_leaks`.
class LeakingScorer : public ranking::Scorer {
 public:
  LeakingScorer(const Dataset& dataset, int n_leaks) : dataset_(dataset), n_leaks_(n_leaks) {}
  [[nodiscard]] std::string name() const override { return "leak"; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      float* row = scores.row(static_cast<std::int64_t>(i));
      std::fill(row, row + scores.n_cols, 0.0F);
      float score = 4;
      for (const char* id : {"b", "c", "d"}) row[dataset_.items().find(id)] = --score;
      const ItemRow target = dataset_.item_rows()[static_cast<std::size_t>(queries[i].position)];
      if (target != dataset_.items().find("b") && n_leaks_-- > 0) row[target] = 9;
    }
  }

 private:
  const Dataset& dataset_;
  int n_leaks_;
};

std::vector<double> test_shares(const Dataset& dataset) {
  std::vector<double> shares;
  for (const char* id : {"b", "c", "d"}) {
    std::int64_t n = 0;
    for (std::int64_t s = 0; s < dataset.n_sequences(); ++s) {
      const auto bounds = dataset.bounds(s);
      if (bounds.valid_end < bounds.end &&
          dataset.item_rows()[static_cast<std::size_t>(bounds.end - 1)] == dataset.items().find(id))
        ++n;
    }
    shares.push_back(static_cast<double>(n) / kSequences);
  }
  return shares;
}

TEST_F(EvaluateTest, MetricsAreTheSharesOfTheWorld) {
  FixedScorer scorer(*dataset_, {{"b", 3.0F}, {"c", 2.0F}, {"d", 1.0F}});
  const auto json = evaluate(*dataset_, {&scorer}, options_, 5, 2);
  const auto shares = test_shares(*dataset_);
  const auto& fixed = json["systems"][0];
  EXPECT_EQ(fixed["name"], "fixed");
  EXPECT_EQ(json["protocol"]["n_queries"], kSequences);
  EXPECT_NEAR(fixed["metrics"]["hit_rate@1"]["value"].get<double>(), shares[0], 1e-9);
  EXPECT_NEAR(fixed["metrics"]["mrr@3"]["value"].get<double>(), shares[0] + shares[1] / 2 + shares[2] / 3, 1e-9);
  const double error = 1.96 * std::sqrt(shares[0] * (1 - shares[0]) / kSequences);
  EXPECT_NEAR(fixed["metrics"]["hit_rate@1"]["low"].get<double>(), shares[0] - error, 0.01);
  EXPECT_NEAR(fixed["metrics"]["hit_rate@1"]["high"].get<double>(), shares[0] + error, 0.01);
  EXPECT_EQ(fixed["difference"]["to"], "popularity");
  EXPECT_EQ(fixed["slices"]["revisit"][0]["label"], "new item");
  EXPECT_EQ(fixed["slices"]["revisit"][0]["n"], kSequences);
  EXPECT_EQ(json["examples"].size(), 3U);
  EXPECT_EQ(json["examples"][0]["history"], Json::parse(R"(["a"])"));
}

TEST_F(EvaluateTest, AConstantModelGetsNothing) {
  FixedScorer constant(*dataset_, {});
  const auto json = evaluate(*dataset_, {&constant}, options_, 5, 1);
  EXPECT_EQ(json["systems"][0]["metrics"]["hit_rate@1"]["value"].get<double>(), 0);
  EXPECT_EQ(json["systems"][0]["tied_share"].get<double>(), 1);
}

TEST_F(EvaluateTest, AModelOfNanGetsNothing) {
  const float nan = std::nanf("");
  FixedScorer scorer(*dataset_, {{"a", nan}, {"b", nan}, {"c", nan}, {"d", nan}});
  const auto json = evaluate(*dataset_, {&scorer}, options_, 5, 1);
  for (const char* name : {"hit_rate@1", "mrr@3"})
    EXPECT_EQ(json["systems"][0]["metrics"][name]["value"].get<double>(), 0) << name;
}

TEST(Evaluate, PlantedReturnsWithAndWithoutSeenItems) {
  // Training 0 1 | test 2, then 1 again and 3; and training 4 | test 0, then an unknown item. The order is 0 1 2 3 4.
  const Dataset dataset = Dataset::in_memory({5, {0, 5, 8}, {2, 6}, {2, 6}, {0, 1, 2, 1, 3, 4, 0, 5}, {}});
  FixedScorer scorer(dataset, {{"0", 5.0F}, {"1", 4.0F}, {"2", 3.0F}, {"3", 2.0F}, {"4", 1.0F}});
  EvaluationOptions options;
  options.metrics = {"hit_rate@1", "mrr@5"};
  options.baselines.names = {"popularity"};
  options.protocol.max_k = 5;
  options.protocol.positions = ranking::Positions::kEvery;
  const auto value = [&](bool hide_seen, const char* metric) {
    options.protocol.hide_seen = hide_seen;
    const auto json = evaluate(dataset, {&scorer}, options, 5, 1);
    EXPECT_EQ(json["protocol"]["hide_seen"], hide_seen);
    EXPECT_EQ(json["protocol"]["unknown_targets"], 1);
    return json["systems"][0]["metrics"][metric]["value"].get<double>();
  };
  // Ranks of 2, 1, 3, 0: with all candidates 3, 2, 4, 1; without those seen before (a return stays) 1, 1, 1, 1.
  EXPECT_DOUBLE_EQ(value(false, "hit_rate@1"), 1.0 / 5);
  EXPECT_DOUBLE_EQ(value(true, "hit_rate@1"), 4.0 / 5);
  EXPECT_DOUBLE_EQ(value(false, "mrr@5"), (1.0 / 3 + 1.0 / 2 + 1.0 / 4 + 1) / 5);
  EXPECT_DOUBLE_EQ(value(true, "mrr@5"), 4.0 / 5);
}

/// The rest of four sequences; 5 is unknown, and the last one is held out as a whole:
///   0 1 | 1 2 4 2    4 | 0 5    3 2 | 3    | 0 1 2 3 4
Dataset sets_of_targets() {
  return Dataset::in_memory(
      {5, {0, 6, 9, 12, 17}, {2, 7, 11, 12}, {2, 7, 11, 12}, {0, 1, 1, 2, 4, 2, 4, 0, 5, 3, 2, 3, 0, 1, 2, 3, 4}, {}});
}

EvaluationOptions options_for_sets(bool hide_seen) {
  EvaluationOptions options;
  options.metrics = {"recall@2", "ndcg@2", "mrr@2", "precision@2"};
  options.baselines.names = {"popularity"};
  options.bootstrap_samples = 200;
  options.protocol = {.positions = ranking::Positions::kRest, .hide_seen = hide_seen, .max_k = 2, .given = 0.6};
  return options;
}

// By the order 0 1 2 3 4, with d = 1 / log2(3) = .6309297535714575 for a hit at the second rank:
//   0 1 | 1 2 4 2      asks for 1 2 4 at ranks 2 3 5     seen items hidden: 2 4 at ranks 1 3, 1 is dropped
//   4 | 0 5            asks for 0 and the unknown, 1 -   the same
//   3 2 | 3            asks for 3 at rank 4              nothing is left: no query
//   0 1 2 | 3 4        asks for 3 4 at ranks 4 5         3 4 at ranks 1 2
TEST(EvaluateSets, ByHandWithSeenItems) {
  const Dataset dataset = sets_of_targets();
  FixedScorer scorer(dataset, {{"0", 5.0F}, {"1", 4.0F}, {"2", 3.0F}, {"3", 2.0F}, {"4", 1.0F}});
  const auto options = options_for_sets(false);
  const auto json = evaluate(dataset, {&scorer}, options, 5, 1);
  const auto& metrics = json["systems"][0]["metrics"];
  EXPECT_DOUBLE_EQ(metrics["recall@2"]["value"].get<double>(), (1.0 / 2 + 1.0 / 2) / 4);
  EXPECT_DOUBLE_EQ(metrics["precision@2"]["value"].get<double>(), (1.0 / 2 + 1.0 / 2) / 4);
  EXPECT_DOUBLE_EQ(metrics["mrr@2"]["value"].get<double>(), (1.0 / 2 + 1) / 4);
  EXPECT_NEAR(metrics["ndcg@2"]["value"].get<double>(), (0.6309297535714575 + 1) / 1.6309297535714575 / 4, 1e-15);
  const auto& protocol = json["protocol"];
  EXPECT_EQ(protocol["positions"], "rest");
  EXPECT_EQ(protocol["given"], 0.6);
  EXPECT_EQ(protocol["n_queries"], 4);
  EXPECT_EQ(protocol["mean_relevant_items"], 2);
  EXPECT_EQ(protocol["unknown_targets"], 1);
  EXPECT_EQ(protocol["repeated_targets"], 0);
  EXPECT_EQ(protocol["sequences_left_out"], 0);
}

TEST(EvaluateSets, ByHandWithoutSeenItems) {
  const Dataset dataset = sets_of_targets();
  FixedScorer scorer(dataset, {{"0", 5.0F}, {"1", 4.0F}, {"2", 3.0F}, {"3", 2.0F}, {"4", 1.0F}});
  const auto options = options_for_sets(true);
  const auto json = evaluate(dataset, {&scorer}, options, 5, 1);
  const auto& metrics = json["systems"][0]["metrics"];
  EXPECT_DOUBLE_EQ(metrics["recall@2"]["value"].get<double>(), (1.0 / 2 + 1.0 / 2 + 1) / 3);
  EXPECT_DOUBLE_EQ(metrics["mrr@2"]["value"].get<double>(), 1);
  EXPECT_NEAR(metrics["ndcg@2"]["value"].get<double>(), (2 / 1.6309297535714575 + 1) / 3, 1e-15);
  EXPECT_EQ(json["protocol"]["n_queries"], 3);
  EXPECT_EQ(json["protocol"]["mean_relevant_items"], 2);
  EXPECT_EQ(json["protocol"]["unknown_targets"], 1);
  EXPECT_EQ(json["protocol"]["repeated_targets"], 2) << "1 of the first sequence, 3 of the one that is left out";
  EXPECT_EQ(json["protocol"]["sequences_left_out"], 1);
}

TEST(EvaluateSets, ExamplesAndSlicesAreThoseOfSets) {
  const Dataset dataset = sets_of_targets();
  FixedScorer scorer(dataset, {{"0", 5.0F}, {"1", 4.0F}, {"2", 3.0F}, {"3", 2.0F}, {"4", 1.0F}});
  const auto options = options_for_sets(true);
  const auto json = evaluate(dataset, {&scorer}, options, 5, 1);
  EXPECT_EQ(json["examples"][0]["history"], Json::parse(R"(["0", "1"])"));
  EXPECT_EQ(json["examples"][0]["targets"], Json::parse(R"(["2", "4"])"));
  EXPECT_EQ(json["examples"][0]["ranks"], Json::parse("[1, 3]"));
  EXPECT_EQ(json["examples"][1]["targets"], Json::parse(R"(["0", null])"));
  EXPECT_EQ(json["examples"][1]["ranks"], Json::parse("[1]"));
  EXPECT_FALSE(json["examples"][0].contains("target"));
  const auto& slices = json["systems"][0]["slices"];
  EXPECT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices["history_length"][0]["label"], "1");
  EXPECT_EQ(slices["history_length"][0]["metrics"]["recall@2"], 0.5);
  EXPECT_EQ(slices["history_length"][1]["n"], 2);
  EXPECT_EQ(slices["history_length"][1]["metrics"]["recall@2"], 0.75);
  EXPECT_EQ(slices["relevant_items"][0]["label"], "2-3");
  EXPECT_EQ(slices["relevant_items"][0]["n"], 3);
}

TEST(EvaluateSets, ABayesFileIsRefused) {
  auto document = config::Document::parse("positions: rest\nbayes: b.parquet\n", "c.yaml");
  auto root = document.root();
  EvaluationOptions options;
  try {
    options.read(root);
    FAIL();
  } catch (const ConfigError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("c.yaml:2:"), std::string::npos) << message;
    EXPECT_NE(message.find("positions last, or clear evaluation.bayes"), std::string::npos) << message;
  }
}

TEST_F(EvaluateTest, BayesBoundsExpectedHitsAndShares) {
  options_.bayes = write_bayes({0.6F, 0.3F, 0.1F});
  FixedScorer second(*dataset_, {{"c", 1.0F}});
  const auto json = evaluate(*dataset_, {&second}, options_, 5, 1);
  const auto& systems = json["systems"];
  const auto& bayes = systems.back();
  EXPECT_EQ(bayes["name"], "bayes");
  EXPECT_NEAR(bayes["metrics"]["expected_hit_rate@1"]["value"].get<double>(), 0.6, 1e-6);
  EXPECT_NEAR(bayes["metrics"]["hit_rate@1"]["value"].get<double>(), 0.6, 3 * std::sqrt(0.6 * 0.4 / kSequences));
  EXPECT_NEAR(systems[0]["metrics"]["expected_hit_rate@1"]["value"].get<double>(), 0.3, 1e-6);
  EXPECT_NEAR(systems[0]["metrics"]["exact_share@1"]["value"].get<double>(), 0.5, 1e-6);
  EXPECT_FALSE(systems[0]["above_bayes"].get<bool>());
}

TEST_F(EvaluateTest, AModelAboveBayesIsFlagged) {
  options_.bayes = write_bayes({0.6F, 0.3F, 0.1F});
  LeakingScorer leak(*dataset_, 40);  // n hits more of 400, with a standard error of their root: six of them
  const auto json = evaluate(*dataset_, {&leak}, options_, 5, 1);
  EXPECT_TRUE(json["systems"][0]["above_bayes"].get<bool>());
  EXPECT_EQ(models_above_bayes(json), std::vector<std::string>{"leak"});
}

TEST_F(EvaluateTest, AModelAsGoodAsBayesIsNotFlaggedForLuck) {
  options_.bayes = write_bayes({0.6F, 0.3F, 0.1F});
  LeakingScorer as_good(*dataset_, 0);
  EXPECT_TRUE(models_above_bayes(evaluate(*dataset_, {&as_good}, options_, 5, 1)).empty());
  LeakingScorer lucky(*dataset_,
                      7);  // 2.6 standard errors: several metrics of several models are that far off by chance
  const auto json = evaluate(*dataset_, {&lucky}, options_, 5, 1);
  EXPECT_GT(json["systems"][0]["difference_to_bayes"]["metrics"]["hit_rate@1"]["low"].get<double>(), 0);
  EXPECT_TRUE(models_above_bayes(json).empty());
}

TEST_F(EvaluateTest, OptionsAsJsonReadBackTheSame) {
  options_.protocol.part = Part::kValidation;
  options_.protocol.positions = ranking::Positions::kRest;
  options_.protocol.given = 0.5;
  options_.protocol.hide_seen = true;
  options_.protocol.min_history = 3;
  options_.baselines.ties = baselines::TieOrder::kFirstSeen;
  options_.baselines.item_knn_neighbours = 7;
  options_.confidence = 0.9;
  auto document = config::Document::parse(options_.to_json().dump(), "test");
  auto root = document.root();
  EvaluationOptions again;
  again.read(root);
  document.finish();
  EXPECT_EQ(again.to_json(), options_.to_json());
  EXPECT_EQ(again.protocol.part, Part::kValidation);
  EXPECT_EQ(again.protocol.positions, ranking::Positions::kRest);
  EXPECT_EQ(again.protocol.given, 0.5);
  EXPECT_TRUE(again.protocol.hide_seen);
  EXPECT_EQ(again.protocol.min_history, 3);
  EXPECT_EQ(again.protocol.max_k, 3);
  EXPECT_EQ(again.metrics, options_.metrics);
  EXPECT_EQ(again.baselines.names, options_.baselines.names);
  EXPECT_EQ(again.baselines.ties, baselines::TieOrder::kFirstSeen);
  EXPECT_EQ(again.baselines.item_knn_neighbours, 7);
  EXPECT_EQ(again.confidence, 0.9);
}

TEST_F(EvaluateTest, ABayesFileOfAnotherWorldIsRefused) {
  storage::write_file(directory_ / "other.parquet", "PAR1 no");
  options_.bayes = directory_ / "other.parquet";
  EXPECT_THROW(evaluate(*dataset_, {}, options_, 5, 1), DataError);
}

TEST_F(EvaluateTest, NoTargetsIsAClearError) {
  options_.protocol.min_history = 50;
  try {
    evaluate(*dataset_, {}, options_, 5, 1);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("evaluation.min_history"), std::string::npos) << error.what();
  }
}

TEST_F(EvaluateTest, SameSeedSameBytesOnAnyThreads) {
  FixedScorer scorer(*dataset_, {{"b", 3.0F}});
  EXPECT_EQ(evaluate(*dataset_, {&scorer}, options_, 5, 1).dump(),
            evaluate(*dataset_, {&scorer}, options_, 5, 2).dump());
}

}  // namespace
}  // namespace segue::evaluation
