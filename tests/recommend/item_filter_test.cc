#include "recommend/item_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

#include "support/errors.h"

namespace segue::recommend {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ItemFilterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(::testing::TempDir()) /
                 (std::string("item_filter_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  /// Items a to f: genres drama, drama, comedy, comedy, war and none; all of them with a year.
  [[nodiscard]] model_file::Bundle bundle(bool with_features = true) const {
    features::FeatureOptions genre, year;
    genre.name = "genre";
    year.name = "year";
    year.kind = features::FeatureKind::kNumber;
    features::FeaturePipeline pipeline({genre, year}, "");
    events::EventTable table;
    table.n_rows = 6;
    table.columns.resize(2);
    table.columns[0].name = "genre";
    for (const char* value : {"drama", "drama", "comedy", "comedy", "war", ""}) table.columns[0].text.push_back(value);
    table.columns[1].name = "year";
    table.columns[1].type = events::ColumnType::kNumber;
    table.columns[1].numbers = {1, 2, 3, 4, 5, 6};
    const std::vector<std::uint8_t> all(6, 1);
    pipeline.fit(table, all);
    pipeline.finish_fit();
    const auto columns = pipeline.apply(table, all);
    auto codes = columns[0].codes;
    auto years = columns[1].values;
    codes.push_back(0);
    years.push_back(0);
    features::Vocabulary items;
    for (const char* id : {"a", "b", "c", "d", "e", "f"}) items.add(id);
    model_file::ItemTables tables;
    if (with_features) {
      const auto bytes = [](const auto& values) {
        return std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
      };
      tables.pipeline = pipeline;
      tables.tables["genre"] = {model_file::DType::kI32, {7}, bytes(codes)};
      tables.tables["year"] = {model_file::DType::kF32, {7}, bytes(years)};
    }
    model_file::write_bundle_files(directory_, Json::object(), items, {}, {}, tables);
    return model_file::Bundle::open(directory_);
  }

  [[nodiscard]] std::string list(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }

  static std::string left(const model_file::Bundle& bundle, const ItemFilter& filter) {
    std::string ids;
    for (std::int32_t row = 0; row < bundle.items.size(); ++row)
      if (filter.allows(row, 0)) ids += bundle.items.id(row);
    return ids;
  }

  static std::string left_where(const model_file::Bundle& bundle, const std::vector<ItemCondition>& where) {
    return left(bundle, {bundle, "", "", where});
  }

  template <class E>
  static std::string failure(const model_file::Bundle& bundle, const std::vector<ItemCondition>& where) {
    try {
      const ItemFilter filter(bundle, "", "", where);
    } catch (const E& error) {
      return error.what();
    }
    return "no such failure";
  }

  fs::path directory_;
};

TEST_F(ItemFilterTest, NothingAskedAllowsAll) {
  const auto all = bundle();
  EXPECT_FALSE(ItemFilter(all, "", "", {}).hides_items());
  EXPECT_EQ(left_where(all, {}), "abcdef");
}

TEST_F(ItemFilterTest, ItemsHaveOneOfTheValuesOrNone) {
  const auto all = bundle();
  EXPECT_EQ(left_where(all, {{"genre", {"drama"}, false}}), "ab");
  EXPECT_EQ(left_where(all, {{"genre", {"war", "comedy"}, false}}), "cde");
  EXPECT_EQ(left_where(all, {{"genre", {"drama", "war"}, true}}), "cdf");
}

TEST_F(ItemFilterTest, EverythingAskedHolds) {
  const auto all = bundle();
  EXPECT_EQ(left_where(all, {{"genre", {"drama", "war"}, false}, {"genre", {"war"}, true}}), "ab");
  const auto allow = list("allow", "b\nc\ne\nnobody\n"), deny = list("deny", "e\n");
  const ItemFilter filter(all, allow, deny, {{"genre", {"drama", "war"}, false}});
  EXPECT_EQ(left(all, filter), "b");
  EXPECT_EQ(filter.n_unknown(), 1);
}

TEST_F(ItemFilterTest, ValuesThatNoItemHasAreTold) {
  const auto all = bundle();
  const ItemFilter filter(all, "", "", {{"genre", {"drama", "opera"}, false}, {"genre", {"western"}, true}});
  EXPECT_THAT(filter.unknown_values(), ElementsAre("genre 'opera'", "genre 'western'"));
  EXPECT_EQ(left(all, filter), "ab");
}

/// a goes at 10, b comes at 10 and goes at 20, c comes at 15; of d, e and f nothing is known, and war is not asked for.
TEST_F(ItemFilterTest, ItemsComeAndGo) {
  auto some = bundle();
  constexpr auto kEver = std::numeric_limits<std::int64_t>::min(), kNever = std::numeric_limits<std::int64_t>::max();
  some.available_from_ms = {kEver, 10, 15, kEver, kEver, kEver};
  some.available_until_ms = {10, 20, kNever, kNever, kNever, kNever};
  const ItemFilter filter(some, "", "", {{"genre", {"war"}, true}});
  const auto at = [&](std::int64_t time_ms) {
    std::string ids;
    std::vector<std::uint32_t> made;
    const auto* words = filter.words(time_ms, made);
    for (std::int32_t row = 0; row < 6; ++row) {
      EXPECT_EQ(words[0] >> row & 1U, filter.allows(row, time_ms) ? 1U : 0U);
      if (filter.allows(row, time_ms)) ids += some.items.id(row);
    }
    return ids;
  };
  EXPECT_EQ(at(9), "adf");
  EXPECT_EQ(at(10), "bdf");
  EXPECT_EQ(at(15), "bcdf");
  EXPECT_EQ(at(20), "cdf");
  for (const auto& [first, last] : {std::pair(-5, 9), std::pair(10, 14), std::pair(15, 19), std::pair(20, 99)}) {
    EXPECT_EQ(filter.period_of(first), filter.period_of(last)) << first;
    EXPECT_NE(filter.period_of(last), filter.period_of(last + 1000)) << last;
    if (last == 19) break;
  }
}

TEST_F(ItemFilterTest, NothingLeftIsAnError) {
  const auto all = bundle();
  EXPECT_THAT(failure<DataError>(all, {{"genre", {"opera"}, false}}),
              AllOf(HasSubstr("recommend.where: no item is left"), HasSubstr("no item has the genre 'opera'")));
  EXPECT_THAT(failure<DataError>(all, {{"genre", {"war"}, false}, {"genre", {"war"}, true}}),
              HasSubstr("no item is left"));
}

TEST_F(ItemFilterTest, FeaturesThatNoItemHasNameTheNearest) {
  const auto all = bundle();
  EXPECT_THAT(failure<ConfigError>(all, {{"genra", {"war"}, false}}), HasSubstr("did you mean 'genre'?"));
  EXPECT_THAT(failure<ConfigError>(all, {{"director", {"war"}, false}}), HasSubstr("their categories are: genre"));
  EXPECT_THAT(failure<ConfigError>(all, {{"year", {"5"}, false}}), HasSubstr("not of the kind category"));
  const auto bare = bundle(false);
  EXPECT_THAT(failure<ConfigError>(bare, {{"genre", {"war"}, false}}),
              AllOf(HasSubstr("carries no features of items"), HasSubstr("data.items"), HasSubstr("export")));
}

}  // namespace
}  // namespace segue::recommend
