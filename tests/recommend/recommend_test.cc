// `recommend` on a bundle made here: lists by the formula, filters, forms, and bytes that depend on nothing but the
// input.
#include "recommend/recommend.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "model_file/bundle.h"
#include "models/gru_session.h"
#include "support/errors.h"
#include "support/random.h"
#include "support/storage.h"

namespace segue::recommend {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::int32_t kItems = 40;
constexpr int kHistories = 300;
constexpr float kNoScore = -1e30F;

struct Event {
  int item;  // kItems and beyond: unknown to the model; -1: the request
  int device;
};

struct Line {
  std::string item;
  float score = 0;
  std::string carried;     ///< of re-ranked lists the source
  float source_score = 0;  ///< of re-ranked lists
};
using Lists = std::map<std::string, std::vector<Line>>;

std::string item_id(int item) { return "item " + std::to_string(item); }
const char* device_name(int device) { return device == 0 ? "phone" : device == 1 ? "desk" : "toaster"; }

class RecommendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(::testing::TempDir()) /
                 (std::string("recommend_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    source_.sequence_column = "who";
    source_.item_column = "what";
    source_.time_column = "when";
    std::vector<std::string> ids;
    for (int i = 0; i < kItems; ++i) ids.push_back(item_id(i));
    model_ = make_bundle("bundle", 2, ids);
    Random random(9);
    for (int h = 0; h < kHistories; ++h) {
      std::vector<Event> history;
      const auto length = static_cast<int>(random.below(9));
      for (int e = 0; e < length; ++e) {
        history.push_back({static_cast<int>(random.below(kItems + 2)), static_cast<int>(random.below(3))});
      }
      if (length == 0 || random.below(2) == 0) history.push_back({-1, static_cast<int>(random.below(3))});
      histories_.push_back(history);
    }
    write_histories("all.csv", 0, kHistories);
  }
  void TearDown() override { fs::remove_all(directory_); }

  /// @param seed        of the weights; 0: all are zeros, and so are all scores
  /// @param max_length  recommend.max_length of the bundle; 0: it says nothing of it
  [[nodiscard]] std::unique_ptr<models::GruSession> make_bundle(const std::string& name, std::uint64_t seed,
                                                                const std::vector<std::string>& ids,
                                                                std::int64_t max_length = 0) const {
    fs::create_directories(directory_ / name);
    features::FeatureOptions device;
    device.name = device.column = "device";
    device.context = true;
    features::FeaturePipeline pipeline({device}, "when");
    events::EventTable table;
    events::Column column;
    column.name = "device";
    for (const char* value : {"phone", "phone", "desk"}) {
      ++table.n_rows;
      table.sequence.push_back("s");
      table.item.push_back("i");
      table.times_ms.push_back(0);
      table.rows.push_back(1);
      column.text.push_back(value);
    }
    table.columns.push_back(column);
    const std::vector<std::uint8_t> training(3, 1);
    pipeline.fit(table, training);
    pipeline.finish_fit();
    features::Vocabulary items;
    for (const auto& id : ids) items.add(id);

    models::GruSessionOptions options;
    options.embedding_dim = 8;
    options.hidden_dim = 12;
    options.visited_weights = true;
    features::FeatureOptions kind;
    kind.name = kind.column = "kind";
    features::FeaturePipeline item_pipeline({kind}, "");
    events::EventTable item_table;
    item_table.n_rows = kItems;
    item_table.columns.resize(1);
    item_table.columns[0].name = "kind";
    for (int i = 0; i < kItems; ++i) item_table.columns[0].text.push_back(i % 3 == 0 ? "hotel" : "hostel");
    item_pipeline.fit(item_table, std::vector<std::uint8_t>(kItems, 1));
    item_pipeline.finish_fit();
    std::vector<std::int32_t> kinds;
    for (int i = 0; i < kItems; ++i) kinds.push_back(i % 3 == 0 ? 2 : 1);
    kinds.push_back(0);  // the unknown item
    models::ItemFeatures item_features;
    item_features.add(item_pipeline.specs()[0], kinds, {});
    auto model = std::make_unique<models::GruSession>(options, kItems, pipeline.specs(), item_features);
    model->initialize(4);
    std::map<std::string, model_file::TensorBytes> weights;
    Random random(seed);
    for (const auto& [parameter_name, parameter] : model->parameters()) {
      auto* data = parameter.mutable_data_ptr<float>();
      for (std::int64_t i = 0; i < parameter.numel(); ++i)
        data[i] = seed == 0 ? 0 : data[i] + static_cast<float>(0.5 * random.normal());
      weights[parameter_name] = {
          model_file::DType::kF32, parameter.sizes().vec(), {reinterpret_cast<const char*>(data), parameter.nbytes()}};
    }
    Json manifest;
    manifest["model"] = {{"kind", "gru_session"}, {"options", options.to_json()}};
    if (max_length > 0) manifest["recommend"]["max_length"] = max_length;
    const std::string_view bytes(reinterpret_cast<const char*>(kinds.data()), kinds.size() * sizeof(kinds[0]));
    model_file::write_bundle_files(directory_ / name, manifest, items, pipeline, weights,
                                   {item_pipeline, {{"kind", {model_file::DType::kI32, {kItems + 1}, bytes}}}});
    return model;
  }

  /// A second bundle, whose rows are other items: five of the first one's it does not know, five others it does.
  void make_second_bundle(std::int64_t max_length = 200) const {
    std::vector<std::string> ids;
    for (int i = kItems - 1; i >= 5; --i) ids.push_back(item_id(i));
    for (int i = 0; i < 5; ++i) ids.push_back("stranger " + std::to_string(i));
    (void)make_bundle("second", 77, ids, max_length);
    std::ofstream strangers(directory_ / "strangers");
    for (int i = 0; i < 5; ++i) strangers << "stranger " << i << '\n';
  }

  [[nodiscard]] RecommendOptions rerank_options(std::int64_t k, std::int64_t candidates) const {
    auto options = csv_options();
    options.k = k;
    options.rerank = {(directory_ / "second").string(), candidates};
    return options;
  }

  /// What the second bundle recommends by itself of the items that both know.
  [[nodiscard]] Lists second_alone(std::int64_t max_length, bool hide_seen = false) const {
    auto options = csv_options();
    options.k = kItems;
    options.max_length = max_length;
    options.hide_seen = hide_seen;
    options.deny_list = (directory_ / "strangers").string();
    recommend(directory_ / "second", source_, {(directory_ / "all.csv").string()}, directory_ / "alone", options, 1,
              Existing::kReplace);
    return lists_of("alone");
  }

  void write_histories(const std::string& name, int first, int last) {
    std::ofstream file(directory_ / name);
    file << "who,what,when,device\n";
    for (int h = first; h < last; ++h) {
      int time = 1000;
      for (const auto& event : histories_[static_cast<std::size_t>(h)]) {
        file << "w" << h << ',' << (event.item < 0 ? "" : item_id(event.item)) << ',' << time++ << ','
             << device_name(event.device) << '\n';
      }
    }
  }

  Json run(const std::string& histories, const std::string& out, const RecommendOptions& options, int n_threads = 1) {
    return recommend(directory_ / "bundle", source_, {(directory_ / histories).string()}, directory_ / out, options,
                     n_threads);
  }

  [[nodiscard]] std::string text_of(const std::string& out) const {
    std::vector<fs::path> shards;
    for (const auto& entry : fs::directory_iterator(directory_ / out)) {
      if (entry.path().filename().string().starts_with("part-")) shards.push_back(entry.path());
    }
    std::sort(shards.begin(), shards.end());
    std::string text;
    for (const auto& shard : shards) {
      const auto bytes = storage::read_file(shard);
      text += bytes.substr(bytes.find('\n') + 1);
    }
    return text;
  }

  [[nodiscard]] Lists lists_of(const std::string& out) const {
    Lists lists;
    std::istringstream text(text_of(out));
    for (std::string row; std::getline(text, row);) {
      std::vector<std::string> cells;
      std::istringstream line(row);
      for (std::string cell; std::getline(line, cell, ',');) cells.push_back(cell);
      auto& list = lists[cells[0]];
      EXPECT_EQ(cells[1], std::to_string(list.size() + 1));
      const float score = cells[3].empty() ? kNoScore : std::stof(cells[3]);
      list.push_back({cells[2], score, cells.size() > 4 ? cells[4] : "", cells.size() > 5 ? std::stof(cells[5]) : 0});
    }
    return lists;
  }

  /// Every item's score by the formula of models/gru_session.h; the vector comes from the eager model.
  [[nodiscard]] std::vector<float> expected_scores(int h, std::int64_t max_length) const {
    const at::NoGradGuard no_grad;
    auto history = histories_[static_cast<std::size_t>(h)];
    const auto code = [](int device) { return device < 2 ? device + 1 : 0; };
    std::int64_t n_more = 0;
    Event request{};
    if (history.back().item < 0) {
      n_more = 1;
      request = history.back();
      history.pop_back();
    }
    std::vector<std::int32_t> items, codes;
    if (history.empty()) history.push_back({kItems, request.device});
    if (static_cast<std::int64_t>(history.size()) > max_length)
      history.erase(history.begin(), history.end() - max_length);
    for (const auto& event : history) {
      items.push_back(std::min(event.item, kItems));
      codes.push_back(code(event.device));
    }
    items.push_back(kItems);
    codes.push_back(code(request.device));
    batching::FeatureColumns columns;
    columns.specs = model_->features();
    columns.codes = {codes.data()};
    columns.values = {nullptr};
    batching::BatchOptions options;
    options.n_items = kItems;
    const auto length = static_cast<std::int64_t>(history.size());
    const auto batch = batching::make_batch({{0, items.data(), length, n_more, 0}}, columns, options);
    auto scores = (at::matmul(model_->last(batch), model_->item_vectors().t()) + model_->output_bias()).contiguous();
    std::vector<float> result(scores.const_data_ptr<float>(), scores.const_data_ptr<float>() + kItems);
    const auto* weights = model_->visited_weights().const_data_ptr<float>();
    std::set<int> visited;
    for (const auto& event : history) visited.insert(event.item);
    for (const int item : visited) {
      if (item < kItems) result[static_cast<std::size_t>(item)] += weights[item == history.back().item ? 0 : 1];
    }
    return result;
  }

  void expect_lists(const Lists& lists, std::int64_t k, std::int64_t max_length,
                    const std::function<bool(int h, int item)>& candidate) const {
    ASSERT_EQ(lists.size(), static_cast<std::size_t>(kHistories));
    for (int h = 0; h < kHistories; ++h) {
      const auto scores = expected_scores(h, max_length);
      std::vector<int> order;
      for (int i = 0; i < kItems; ++i) {
        if (candidate(h, i)) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
      });
      const auto& list = lists.at("w" + std::to_string(h));
      ASSERT_EQ(list.size(), std::min(order.size(), static_cast<std::size_t>(k))) << h;
      for (std::size_t i = 0; i < list.size(); ++i) {
        ASSERT_EQ(list[i].item, item_id(order[i])) << "history " << h << ", rank " << i + 1;
        ASSERT_NEAR(list[i].score, scores[static_cast<std::size_t>(order[i])], 2e-5) << h;
      }
    }
  }

  [[nodiscard]] bool seen(int h, int item) const {
    const auto& history = histories_[static_cast<std::size_t>(h)];
    return std::any_of(history.begin(), history.end(), [&](const Event& event) { return event.item == item; });
  }

  static RecommendOptions csv_options() {
    RecommendOptions options;
    options.format = OutputFormat::kCsv;
    options.k = 7;
    return options;
  }

  fs::path directory_;
  events::SourceOptions source_;
  std::unique_ptr<models::GruSession> model_;
  std::vector<std::vector<Event>> histories_;
};

TEST_F(RecommendTest, ListsAreThoseOfTheFormula) {
  const auto result = run("all.csv", "out", csv_options());
  expect_lists(lists_of("out"), 7, 200, [](int, int) { return true; });
  EXPECT_EQ(result.at("histories"), kHistories);
  EXPECT_EQ(result.at("rows"), kHistories * 7);
  int unknown = 0, empty = 0;
  for (const auto& history : histories_) {
    empty += history.front().item < 0 ? 1 : 0;
    for (const auto& event : history) unknown += event.item >= kItems ? 1 : 0;
  }
  EXPECT_GT(unknown, 0);
  EXPECT_GT(empty, 0);
  EXPECT_EQ(result.at("unknown_items"), unknown);
  EXPECT_EQ(result.at("empty_histories"), empty);
  EXPECT_TRUE(fs::exists(directory_ / "out" / "_SUCCESS"));
  EXPECT_FALSE(fs::exists(directory_ / "out" / "_request.json"));
}

TEST_F(RecommendTest, LongHistoriesKeepTheirLatestEvents) {
  auto options = csv_options();
  options.max_length = 3;
  const auto result = run("all.csv", "out", options);
  expect_lists(lists_of("out"), 7, 3, [](int, int) { return true; });
  EXPECT_GT(result.at("shortened_histories"), 50);
}

TEST_F(RecommendTest, SeenItemsAreHiddenHoweverLongAgo) {
  auto options = csv_options();
  options.hide_seen = true;
  options.max_length = 3;
  run("all.csv", "out", options);
  expect_lists(lists_of("out"), 7, 3, [&](int h, int item) { return !seen(h, item); });
}

TEST_F(RecommendTest, AllowAndDenyLists) {
  std::ofstream allow(directory_ / "allow"), deny(directory_ / "deny");
  for (int i = 0; i < 20; ++i) allow << item_id(i) << (i % 2 == 0 ? "\n" : "\r\n");
  allow << "nobody knows me\n\n";
  for (int i = 5; i < 30; ++i) deny << item_id(i) << '\n';
  allow.close();
  deny.close();
  auto options = csv_options();
  options.allow_list = (directory_ / "allow").string();
  run("all.csv", "allowed", options);
  expect_lists(lists_of("allowed"), 7, 200, [](int, int item) { return item < 20; });
  options.deny_list = (directory_ / "deny").string();
  run("all.csv", "both", options);  // 5 items are left: shorter lists, no empty rows
  expect_lists(lists_of("both"), 7, 200, [](int, int item) { return item < 5; });
  options.hide_seen = true;
  run("all.csv", "all_three", options);
  for (const auto& [who, list] : lists_of("all_three")) {
    for (const auto& line : list) EXPECT_FALSE(seen(std::stoi(who.substr(1)), std::stoi(line.item.substr(5)))) << who;
  }
  std::ofstream(directory_ / "stranger") << "nobody\n";
  options.allow_list = (directory_ / "stranger").string();
  EXPECT_THROW(run("all.csv", "nothing", options), DataError);
}

TEST_F(RecommendTest, KBeyondTheCatalogueGivesAllOfIt) {
  auto options = csv_options();
  options.k = 1000;
  run("all.csv", "out", options);
  expect_lists(lists_of("out"), kItems, 200, [](int, int) { return true; });
}

TEST_F(RecommendTest, BytesDependOnNeitherThreadsNorNeighboursNorShards) {
  run("all.csv", "one", csv_options(), 1);
  const auto expected = text_of("one");
  for (const int n_threads : {2, 3, 7}) {
    const auto out = "threads_" + std::to_string(n_threads);
    run("all.csv", out, csv_options(), n_threads);
    EXPECT_EQ(text_of(out), expected);
  }
  for (const std::int64_t per_shard : {1, 7, 64, 299}) {
    auto options = csv_options();
    options.shard_histories = per_shard;
    const auto out = "shards_" + std::to_string(per_shard);
    run("all.csv", out, options, 2);
    EXPECT_EQ(text_of(out), expected) << per_shard;
  }
  std::string alone;
  for (const int h : {0, 1, 2, 63, 64, 150, 299}) {
    write_histories("one.csv", h, h + 1);
    fs::remove_all(directory_ / "alone");
    run("one.csv", "alone", csv_options());
    EXPECT_THAT(expected, HasSubstr(text_of("alone"))) << h;
  }
  EXPECT_EQ(fs::exists(directory_ / "shards_7" / "part-00042-of-00043.csv"), true);
}

TEST_F(RecommendTest, ParquetBytesDoNotDependOnThreads) {
  RecommendOptions options;
  options.shard_histories = 100;
  run("all.csv", "one", options, 1);
  run("all.csv", "three", options, 3);
  for (const char* shard : {"part-00000-of-00003.parquet", "part-00002-of-00003.parquet"}) {
    EXPECT_EQ(storage::read_file(directory_ / "one" / shard), storage::read_file(directory_ / "three" / shard));
  }
}

TEST_F(RecommendTest, CarriesColumnsOfTheLastRow) {
  auto options = csv_options();
  options.carry = {"device"};
  run("all.csv", "out", options);
  for (const auto& [who, list] : lists_of("out")) {
    const auto& history = histories_[static_cast<std::size_t>(std::stoi(who.substr(1)))];
    for (const auto& line : list) EXPECT_EQ(line.carried, device_name(history.back().device)) << who;
  }
  options.carry = {"score"};
  EXPECT_THROW(run("all.csv", "collision", options), UsageError);
  options.carry = {"device", "device"};
  EXPECT_THROW(run("all.csv", "twice", options), UsageError);
  options.carry = {"shoe_size"};
  EXPECT_THROW(run("all.csv", "missing", options), DataError);
  EXPECT_FALSE(fs::exists(directory_ / "missing"));
}

TEST_F(RecommendTest, JsonLinesHoldTheSameRows) {
  auto options = csv_options();
  run("all.csv", "csv", options);
  options.format = OutputFormat::kJsonLines;
  run("all.csv", "jsonl", options);
  const auto lists = lists_of("csv");
  std::ifstream file(directory_ / "jsonl" / "part-00000-of-00001.jsonl");
  std::size_t n = 0;
  for (std::string row; std::getline(file, row); ++n) {
    const auto json = Json::parse(row);
    const auto& line = lists.at(json.at("sequence"))[json.at("rank").get<std::size_t>() - 1];
    EXPECT_EQ(json.at("item"), line.item);
    EXPECT_EQ(json.at("score").get<float>(), line.score);
  }
  EXPECT_EQ(n, static_cast<std::size_t>(kHistories) * 7);
}

TEST_F(RecommendTest, NothingIsWrittenWhenARowIsBad) {
  std::ofstream(directory_ / "bad.csv") << "who,what,when,device\nw0,item 1,1,phone\nw0,item 2,yesterday,phone\n";
  EXPECT_THROW(run("bad.csv", "out", csv_options()), DataError);
  EXPECT_FALSE(fs::exists(directory_ / "out"));
  std::ofstream(directory_ / "back.csv")
      << "who,what,when,device\nx,item 1,1,phone\ny,item 1,1,phone\nx,item 1,1,phone\n";
  EXPECT_THROW(run("back.csv", "out", csv_options()), DataError);
  EXPECT_FALSE(fs::exists(directory_ / "out"));
}

TEST_F(RecommendTest, WhatIsThereIsNotOverwritten) {
  run("all.csv", "out", csv_options());
  EXPECT_THROW(run("all.csv", "out", csv_options()), UsageError);
  auto options = csv_options();
  options.k = 2;
  recommend(directory_ / "bundle", source_, {(directory_ / "all.csv").string()}, directory_ / "out", options, 1,
            Existing::kReplace);
  EXPECT_EQ(lists_of("out").at("w0").size(), 2u);
}

TEST_F(RecommendTest, RerankedListsAreThoseOfTheSecondModel) {
  make_second_bundle(2);
  auto options = csv_options();
  options.k = kItems;
  options.max_length = 3;
  run("all.csv", "first", options);
  const auto first = lists_of("first"), second = second_alone(2);
  auto reranking = rerank_options(kItems, 1000);
  reranking.max_length = 3;
  const auto result = run("all.csv", "out", reranking);
  EXPECT_EQ(result.at("rows_without_score"), kHistories * 5);
  const auto lists = lists_of("out");
  ASSERT_EQ(lists.size(), static_cast<std::size_t>(kHistories));
  for (const auto& [who, list] : lists) {
    ASSERT_EQ(list.size(), static_cast<std::size_t>(kItems));
    std::map<std::string, float> source_scores;
    std::vector<std::string> unknown;  // in the order of the first model
    for (const auto& line : first.at(who)) {
      source_scores[line.item] = line.score;
      if (std::stoi(line.item.substr(5)) < 5) unknown.push_back(line.item);
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      const bool known = i < kItems - 5;
      EXPECT_EQ(list[i].item, known ? second.at(who)[i].item : unknown[i - (kItems - 5)]) << who << ' ' << i;
      EXPECT_EQ(list[i].score, known ? second.at(who)[i].score : kNoScore) << who << ' ' << i;
      EXPECT_EQ(list[i].carried, "gru_session");
      EXPECT_EQ(list[i].source_score, source_scores.at(list[i].item)) << who << ' ' << i;
    }
  }
}

TEST_F(RecommendTest, TheFirstModelChoosesTheCandidatesAfterAllFilters) {
  make_second_bundle();
  auto options = csv_options();
  options.k = 10;
  options.hide_seen = true;
  options.where = {{"kind", {"hostel"}, false}};
  run("all.csv", "first", options);
  auto reranking = rerank_options(4, 10);
  reranking.hide_seen = true;
  reranking.where = options.where;
  run("all.csv", "out", reranking);
  const auto first = lists_of("first"), second = second_alone(200, true), lists = lists_of("out");
  bool reordered = false;
  for (const auto& [who, list] : lists) {
    std::set<std::string> candidates;
    for (const auto& line : first.at(who)) candidates.insert(line.item);
    std::vector<std::string> expected;
    for (const auto& line : second.at(who))
      if (candidates.contains(line.item)) expected.push_back(line.item);
    for (const auto& line : first.at(who))
      if (std::stoi(line.item.substr(5)) < 5) expected.push_back(line.item);
    expected.resize(4);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(list[i].item, expected[i]) << who;
      EXPECT_NE(std::stoi(list[i].item.substr(5)) % 3, 0) << who;
      reordered = reordered || list[i].item != first.at(who)[i].item;
    }
  }
  EXPECT_TRUE(reordered);
}

TEST_F(RecommendTest, RerankedTiesGoByTheRowsOfTheSecondModel) {
  std::vector<std::string> ids;
  for (int i = kItems - 1; i >= 0; --i) ids.push_back(item_id(i));
  (void)make_bundle("second", 0, ids);
  run("all.csv", "out", rerank_options(kItems, kItems));
  for (const auto& [who, list] : lists_of("out")) {
    ASSERT_EQ(list.size(), ids.size());
    for (std::size_t i = 0; i < list.size(); ++i) ASSERT_EQ(list[i].item, ids[i]) << who;
  }
}

TEST_F(RecommendTest, RerankedBytesDependOnNeitherThreadsNorShards) {
  make_second_bundle();
  run("all.csv", "one", rerank_options(5, 12), 1);
  auto shards = rerank_options(5, 12);
  shards.shard_histories = 37;
  run("all.csv", "three", shards, 3);
  EXPECT_EQ(text_of("three"), text_of("one"));
  auto parquet = rerank_options(5, 12);
  parquet.format = OutputFormat::kParquet;
  run("all.csv", "parquet_1", parquet, 1);
  run("all.csv", "parquet_3", parquet, 3);
  EXPECT_EQ(storage::read_file(directory_ / "parquet_1" / "part-00000-of-00001.parquet"),
            storage::read_file(directory_ / "parquet_3" / "part-00000-of-00001.parquet"));
}

TEST_F(RecommendTest, RerankedJsonLinesAndCarriedColumns) {
  make_second_bundle();
  auto options = rerank_options(kItems, kItems);
  options.format = OutputFormat::kJsonLines;
  options.carry = {"device"};
  run("all.csv", "out", options);
  std::ifstream file(directory_ / "out" / "part-00000-of-00001.jsonl");
  int n_null = 0;
  for (std::string row; std::getline(file, row);) {
    const auto json = Json::parse(row);
    n_null += json.at("score").is_null() ? 1 : 0;
    ASSERT_EQ(json.at("source"), "gru_session");
    ASSERT_TRUE(json.at("source_score").is_number());
    ASSERT_TRUE(json.contains("device"));
  }
  EXPECT_EQ(n_null, kHistories * 5);
  options.carry = {"source_score"};
  EXPECT_THROW(run("all.csv", "collision", options), UsageError);
}

TEST_F(RecommendTest, ARerankerOfOtherItemsIsRefused) {
  std::vector<std::string> ids;
  for (int i = 0; i < kItems; ++i) ids.push_back("stranger " + std::to_string(i));
  (void)make_bundle("second", 77, ids);
  try {
    run("all.csv", "out", rerank_options(5, 12));
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("knows none of the 40 items"));
  }
  EXPECT_FALSE(fs::exists(directory_ / "out"));
}

TEST_F(RecommendTest, WeightsOfAnotherModelAreRefused) {
  const auto path = directory_ / "bundle" / "manifest.json";
  auto manifest = read_json(path);
  manifest["model"]["options"]["hidden_dim"] = 16;
  manifest.erase("checksum");
  manifest["checksum"] = storage::checksum(manifest.dump());
  write_json(path, manifest);
  try {
    run("all.csv", "out", csv_options());
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("weights.safetensors"));
  }
}

TEST_F(RecommendTest, AnItemTableOfAnotherCatalogueIsRefused) {
  // As whole as before by its checksums, but a code that the transforms do not know.
  const auto path = directory_ / "bundle" / "item_features.safetensors";
  std::vector<std::int32_t> kinds(kItems + 1, 7);
  const std::string_view bytes(reinterpret_cast<const char*>(kinds.data()), kinds.size() * sizeof(kinds[0]));
  model_file::write_safetensors(path, {{"kind", {model_file::DType::kI32, {kItems + 1}, bytes}}}, {});
  auto manifest = read_json(directory_ / "bundle" / "manifest.json");
  manifest["files"]["item_features.safetensors"] = {{"bytes", fs::file_size(path)},
                                                    {"xxh3", storage::file_checksum(path)}};
  manifest.erase("checksum");
  manifest["checksum"] = storage::checksum(manifest.dump());
  write_json(directory_ / "bundle" / "manifest.json", manifest);
  try {
    run("all.csv", "out", csv_options());
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("item_features.safetensors"));
    EXPECT_THAT(error.what(), HasSubstr("segue export"));
  }
}

}  // namespace
}  // namespace segue::recommend
