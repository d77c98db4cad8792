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

/// Reads the answer, as a leak would.
class CheatingScorer : public ranking::Scorer {
 public:
  explicit CheatingScorer(const Dataset& dataset) : dataset_(dataset) {}
  [[nodiscard]] std::string name() const override { return "cheat"; }
  void score(std::span<const ranking::Query> queries, kernels::MatrixView<float> scores) override {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      float* row = scores.row(static_cast<std::int64_t>(i));
      std::fill(row, row + scores.n_cols, 0.0F);
      row[dataset_.item_rows()[static_cast<std::size_t>(queries[i].position)]] = 1;
    }
  }

 private:
  const Dataset& dataset_;
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
  CheatingScorer cheat(*dataset_);
  const auto json = evaluate(*dataset_, {&cheat}, options_, 5, 1);
  EXPECT_TRUE(json["systems"][0]["above_bayes"].get<bool>());
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
