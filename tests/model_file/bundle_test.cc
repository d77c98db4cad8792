#include "model_file/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "support/errors.h"

namespace segue::model_file {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BundleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bundle_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("bundle_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(bundle_);
    std::filesystem::create_directories(bundle_);
    features::Vocabulary items;
    for (const char* id : {"12", "7", "400"}) items.add(id);
    items.is_integer = true;
    std::ofstream(bundle_ / "model.pt") << "scripted";
    const std::vector<float> values = {1, 2, 3, 4};
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()), 16);
    const Json manifest = {{"model", {{"kind", "gru_session"}, {"options", {{"hidden_dim", 2}}}}}};
    write_bundle_files(bundle_, manifest, items, features::FeaturePipeline(), {{"w", {DType::kF32, {4}, bytes}}});
  }
  void TearDown() override { std::filesystem::remove_all(bundle_); }

  [[nodiscard]] std::string failure() const {
    try {
      (void)Bundle::open(bundle_);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no failure";
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(bundle_ / name, std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string read(const std::string& name) const { return storage::read_file(bundle_ / name); }

  std::filesystem::path bundle_;
};

TEST_F(BundleTest, RoundTrip) {
  const auto bundle = Bundle::open(bundle_);
  EXPECT_EQ(bundle.manifest.at("format"), "segue bundle");
  EXPECT_EQ(bundle.manifest.at("version"), 1);
  EXPECT_EQ(bundle.manifest.at("model").at("options").at("hidden_dim"), 2);
  EXPECT_EQ(bundle.items.size(), 3);
  EXPECT_EQ(bundle.items.id(2), "400");
  EXPECT_TRUE(bundle.items.is_integer);
  EXPECT_TRUE(bundle.pipeline.specs().empty());
  EXPECT_TRUE(bundle.item_pipeline.specs().empty());
  EXPECT_EQ(bundle.item_features, nullptr);
  EXPECT_EQ(bundle.weights->expect("w", DType::kF32, {4}).bytes.size(), 16u);
  EXPECT_EQ(bundle.manifest.at("files").size(), 4u);
  EXPECT_EQ(bundle.manifest.at("files").at("model.pt").at("bytes"), 8);
}

TEST_F(BundleTest, CarriesItemFeatures) {
  features::Vocabulary items;
  for (const char* id : {"12", "7", "400"}) items.add(id);
  features::FeatureOptions genre;
  genre.name = "genre";
  const std::vector<std::int32_t> codes = {1, 0, 1, 0};
  const ItemTables tables{features::FeaturePipeline({genre}, ""),
                          {{"genre", {DType::kI32, {4}, {reinterpret_cast<const char*>(codes.data()), 16}}}}};
  const Json manifest = {{"model", {{"kind", "gru_session"}}}};
  write_bundle_files(bundle_, manifest, items, features::FeaturePipeline(), {}, tables);
  const auto bundle = Bundle::open(bundle_);
  EXPECT_EQ(bundle.manifest.at("version"), 2);  // a program that knows no item features must not take it
  ASSERT_EQ(bundle.item_pipeline.specs().size(), 1u);
  EXPECT_EQ(bundle.item_pipeline.specs()[0].name, "genre");
  EXPECT_EQ(std::memcmp(bundle.item_features->expect("genre", DType::kI32, {4}).bytes.data(), codes.data(), 16), 0);
  for (const std::string name : {"item_features.json", "item_features.safetensors"}) {
    const auto whole = read(name);
    auto damaged = whole;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    write(name, damaged);
    EXPECT_THAT(failure(), AllOf(HasSubstr((bundle_ / name).string()), HasSubstr("checksum")));
    std::filesystem::remove(bundle_ / name);
    EXPECT_THAT(failure(), AllOf(HasSubstr((bundle_ / name).string()), HasSubstr("missing")));
    write(name, whole);
  }
  EXPECT_EQ(failure(), "no failure");
}

TEST_F(BundleTest, CarriesIntervalsOfItems) {
  EXPECT_TRUE(Bundle::open(bundle_).available_from_ms.empty());
  features::Vocabulary items;
  for (const char* id : {"12", "7", "400"}) items.add(id);
  const std::vector<std::int64_t> from = {INT64_MIN, 5, 6}, until = {7, INT64_MAX, 8};
  write_bundle_files(bundle_, {{"model", {{"kind", "ease"}}}}, items, features::FeaturePipeline(), {},
                     {{}, {}, from, until});
  const auto bundle = Bundle::open(bundle_);
  EXPECT_EQ(bundle.manifest.at("version"), 3);  // a program that knows no intervals must not take it
  EXPECT_EQ(bundle.item_features, nullptr);
  EXPECT_EQ(bundle.available_from_ms, from);
  EXPECT_EQ(bundle.available_until_ms, until);
  std::filesystem::remove(bundle_ / "availability.safetensors");
  EXPECT_THAT(failure(), AllOf(HasSubstr("availability.safetensors"), HasSubstr("missing")));
}

TEST_F(BundleTest, LivesWithoutTheScriptedModel) {
  std::filesystem::remove(bundle_ / "model.pt");
  EXPECT_NO_THROW(Bundle::open(bundle_));
}

TEST_F(BundleTest, NotABundle) {
  std::filesystem::remove(bundle_ / "manifest.json");
  EXPECT_THAT(failure(), AllOf(HasSubstr(bundle_.string()), HasSubstr("not a bundle"), HasSubstr("segue export")));
  write("manifest.json", R"({"format": "segue dataset", "version": 1})");
  EXPECT_THAT(failure(), HasSubstr("manifest.json"));
  write("manifest.json", "");
  EXPECT_THAT(failure(), HasSubstr("manifest.json"));
  std::filesystem::remove_all(bundle_);
  EXPECT_THAT(failure(), HasSubstr("not a bundle"));
}

TEST_F(BundleTest, NewerVersion) {
  auto manifest = read_json(bundle_ / "manifest.json");
  manifest["version"] = kBundleVersion + 1;
  write_json(bundle_ / "manifest.json", manifest);
  EXPECT_THAT(failure(), AllOf(HasSubstr("manifest.json"), HasSubstr("newer")));
}

TEST_F(BundleTest, EveryDamagedFileIsNamed) {
  for (const std::string name : {"weights.safetensors", "items.txt", "features.json"}) {
    const auto whole = read(name);
    auto damaged = whole;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    write(name, damaged);
    EXPECT_THAT(failure(),
                AllOf(HasSubstr((bundle_ / name).string()), HasSubstr("checksum"), HasSubstr("segue export")));
    write(name, whole.substr(0, whole.size() - 1));
    EXPECT_THAT(failure(), AllOf(HasSubstr((bundle_ / name).string()), HasSubstr("bytes"), HasSubstr("segue export")));
    std::filesystem::remove(bundle_ / name);
    EXPECT_THAT(failure(), AllOf(HasSubstr((bundle_ / name).string()), HasSubstr("missing")));
    write(name, whole);
    EXPECT_EQ(failure(), "no failure");
  }
}

TEST_F(BundleTest, ChangedManifestIsFound) {
  // A changed option would give other scores without any other sign of damage.
  auto text = read("manifest.json");
  const auto at = text.find("\"hidden_dim\": 2");
  ASSERT_NE(at, std::string::npos);
  text[at + 14] = '3';
  write("manifest.json", text);
  EXPECT_THAT(failure(), AllOf(HasSubstr("manifest.json"), HasSubstr("damaged"), HasSubstr("segue export")));
}

TEST_F(BundleTest, FilesOutsideAreNotRead) {
  auto manifest = read_json(bundle_ / "manifest.json");
  manifest["files"]["../other"] = {{"bytes", 1}, {"xxh3", "0"}};
  manifest.erase("checksum");
  manifest["checksum"] = storage::checksum(manifest.dump());
  write_json(bundle_ / "manifest.json", manifest);
  EXPECT_THAT(failure(), HasSubstr("not the name of a file of a bundle"));
}

}  // namespace
}  // namespace segue::model_file
