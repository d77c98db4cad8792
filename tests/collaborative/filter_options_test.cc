#include "collaborative/filter_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "support/errors.h"
#include "tests/events/reading.h"

namespace segue::collaborative {
namespace {

using events::message_of;
using testing::AllOf;
using testing::HasSubstr;

FilterOptions read(const std::string& kind, const std::string& yaml) {
  auto document = config::Document::parse(yaml, "test.yaml");
  auto root = document.root();
  auto section = root.section("model", "");
  FilterOptions options(kind);
  options.read(section);
  document.finish();
  return options;
}

TEST(FilterOptions, KnowsItsKinds) {
  EXPECT_EQ(FilterOptions::kinds(),
            (std::vector<std::string>{"popularity", "recent_popularity", "item_knn", "feature_knn", "ease", "ials"}));
  for (const auto& kind : FilterOptions::kinds()) EXPECT_EQ(FilterOptions(kind).kind(), kind);
  EXPECT_THAT(message_of<std::invalid_argument>([] { FilterOptions("eaze"); }),
              AllOf(HasSubstr("eaze"), HasSubstr("ease")));
}

TEST(FilterOptions, ReadsTheKeysOfItsKind) {
  const auto options = read("ials", "model: {dim: 16, l2: 0.5, epochs: 3, block_dim: 8, unobserved_weight: 1}");
  const auto& ials = std::get<IalsOptions>(options.of_kind());
  EXPECT_EQ(ials.dim, 16);
  EXPECT_EQ(ials.l2, 0.5);
  EXPECT_EQ(ials.epochs, 3);
  EXPECT_EQ(ials.block_dim, 8);
  EXPECT_EQ(ials.unobserved_weight, 1);
  EXPECT_EQ(ials.l2_exponent, 1);
  EXPECT_EQ(std::get<ItemKnnOptions>(read("item_knn", "model: {neighbours: 7}").of_kind()).neighbours, 7);
}

TEST(FilterOptions, NamesTheFileAndTheKeyOfAWrongValue) {
  EXPECT_THAT(message_of<ConfigError>([] { read("ials", "model: {dim: 0}"); }), HasSubstr("test.yaml:1:14: model.dim"));
  EXPECT_THAT(message_of<ConfigError>([] { read("recent_popularity", "model: {half_life: 0}"); }),
              HasSubstr("half_life"));
  EXPECT_THAT(message_of<ConfigError>([] { read("ease", "model: {l2: -1}"); }), HasSubstr("model.l2"));
  // The key of another kind.
  EXPECT_THAT(message_of<ConfigError>([] { read("ease", "model: {half_life: 1}"); }), HasSubstr("half_life"));
}

TEST(FilterOptions, GoThroughJson) {
  auto options = read("item_knn", "model: {user_exponent: 0.5, item_exponent: 0.25, shrink: 3, history_half_life: 4}");
  const Json json = options.to_json();
  EXPECT_EQ(json.dump(),
            R"({"user_exponent":0.5,"item_exponent":0.25,"shrink":3.0,"neighbours":2000,"history_half_life":4.0})");
  for (const auto& kind : FilterOptions::kinds()) {
    const Json written = kind == "item_knn" ? json : FilterOptions(kind).to_json();
    const auto again = FilterOptions::from_json(kind, written, "here");
    EXPECT_EQ(again.kind(), kind);
    EXPECT_EQ(again.to_json(), written);
  }
  EXPECT_EQ(FilterOptions("popularity").to_json().dump(), "{}");
}

TEST(FilterOptions, RefuseDamagedJson) {
  EXPECT_THAT(message_of<DataError>([] {
                FilterOptions::from_json("ease", {{"l2", 1.0}}, "manifest.json");
              }),
              AllOf(HasSubstr("manifest.json"), HasSubstr("neighbours")));
  EXPECT_THAT(message_of<DataError>([] { FilterOptions::from_json("svd", Json::object(), "manifest.json"); }),
              AllOf(HasSubstr("manifest.json"), HasSubstr("svd"), HasSubstr("ials")));
}

}  // namespace
}  // namespace segue::collaborative
