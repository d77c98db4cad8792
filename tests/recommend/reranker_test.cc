// `recommend` in two stages, beside what each of the two bundles recommends by itself.
#include <gmock/gmock.h>

#include "tests/recommend/bundle_world.h"

namespace segue::recommend {
namespace {

using ::testing::HasSubstr;

class RerankTest : public RecommendTest {
 protected:
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
  [[nodiscard]] RankedLists second_alone(std::int64_t max_length, bool hide_seen = false) const {
    auto options = csv_options();
    options.k = kItems;
    options.max_length = max_length;
    options.hide_seen = hide_seen;
    options.deny_list = (directory_ / "strangers").string();
    recommend(directory_ / "second", source_, {(directory_ / "all.csv").string()}, directory_ / "alone", options,
              kernels::Device{}, Existing::kReplace);
    return lists_of("alone");
  }
};

TEST_F(RerankTest, ListsAreThoseOfTheSecondModel) {
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

TEST_F(RerankTest, TheFirstModelChoosesTheCandidatesAfterAllFilters) {
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

TEST_F(RerankTest, TiesGoByTheRowsOfTheSecondModel) {
  std::vector<std::string> ids;
  for (int i = kItems - 1; i >= 0; --i) ids.push_back(item_id(i));
  (void)make_bundle("second", 0, ids);
  run("all.csv", "out", rerank_options(kItems, kItems));
  for (const auto& [who, list] : lists_of("out")) {
    ASSERT_EQ(list.size(), ids.size());
    for (std::size_t i = 0; i < list.size(); ++i) ASSERT_EQ(list[i].item, ids[i]) << who;
  }
}

TEST_F(RerankTest, BytesDependOnNeitherThreadsNorShards) {
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

TEST_F(RerankTest, JsonLinesAndCarriedColumns) {
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

TEST_F(RerankTest, ARerankerOfOtherItemsIsRefused) {
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

}  // namespace
}  // namespace segue::recommend
