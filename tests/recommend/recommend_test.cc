// `recommend` on a bundle made here: lists by the formula, filters, forms, and bytes that depend on nothing but the
// input.
#include "recommend/recommend.h"

#include <gmock/gmock.h>

#include "tests/recommend/bundle_world.h"

namespace segue::recommend {
namespace {

using ::testing::HasSubstr;

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

/// Items come and go while histories happen (second 1000 and on); some histories end in a request row, others do not.
TEST_F(RecommendTest, OnlyWhatIsAvailableAtTheTimeOfTheRequest) {
  std::vector<std::string> ids;
  for (int i = 0; i < kItems; ++i) {
    ids.push_back(item_id(i));
    available_from_ms_.push_back(i % 4 == 1 ? (1000 + i % 5) * 1000 : INT64_MIN);
    available_until_ms_.push_back(i % 4 == 2 ? (1002 + i % 7) * 1000 : i % 4 == 3 ? 1'003'001 : INT64_MAX);
  }
  model_ = make_bundle("bundle", 2, ids);
  const auto is_available = [&](int h, int item) {
    const auto n_rows = static_cast<std::int64_t>(histories_[static_cast<std::size_t>(h)].size());
    const auto request_ms = (1000 + n_rows - 1) * 1000, row = static_cast<std::int64_t>(item);
    return available_from_ms_[static_cast<std::size_t>(row)] <= request_ms &&
           request_ms < available_until_ms_[static_cast<std::size_t>(row)];
  };
  auto options = csv_options();
  run("all.csv", "out", options, 2);
  expect_lists(lists_of("out"), 7, 200, is_available);
  options.hide_seen = true;
  run("all.csv", "unseen", options);
  expect_lists(lists_of("unseen"), 7, 200, [&](int h, int item) { return is_available(h, item) && !seen(h, item); });
  std::ofstream deny(directory_ / "deny");
  for (int i = 5; i < 30; ++i) deny << item_id(i) << '\n';
  deny.close();
  options.hide_seen = false;
  options.deny_list = (directory_ / "deny").string();
  run("all.csv", "some", options);
  expect_lists(lists_of("some"), 7, 200,
               [&](int h, int item) { return is_available(h, item) && (item < 5 || item >= 30); });
  // Without times nobody can say what is available.
  source_.time_column.clear();
  try {
    run("all.csv", "timeless", csv_options());
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("data.columns.time=COLUMN"));
  }
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
  recommend(directory_ / "bundle", source_, {(directory_ / "all.csv").string()}, directory_ / "out", options,
            kernels::Device{}, Existing::kReplace);
  EXPECT_EQ(lists_of("out").at("w0").size(), 2u);
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
