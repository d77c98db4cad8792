#include "features/feature_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "support/errors.h"

namespace segue::features {
namespace {

using events::ColumnType;
using testing::ElementsAre;

constexpr std::int64_t kDayMs = 86'400'000;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

FeatureOptions option(const std::string& name, FeatureKind kind, const std::string& column = {}) {
  FeatureOptions options;
  options.name = name;
  options.kind = kind;
  options.column = column;
  return options;
}

FeatureOptions duration() {
  auto options = option("stay", FeatureKind::kDuration, "time");
  options.until = "checkout";
  options.max_value = 5;
  return options;
}

std::vector<FeatureOptions> all_kinds() {
  return {option("country", FeatureKind::kCategory),
          option("price", FeatureKind::kNumber),
          option("band", FeatureKind::kBucket, "price"),
          option("hour", FeatureKind::kHour),
          option("weekday", FeatureKind::kWeekday),
          option("month", FeatureKind::kMonth),
          option("gap", FeatureKind::kGap),
          duration()};
}

/// Five events of two sequences; the last event is no training event.
events::EventTable table_of_five() {
  events::EventTable table;
  table.n_rows = 5;
  // 2016-08-13 (Saturday) 10:05, the next day, 1969-12-31 23:00 (Wednesday), an hour on, and 2016-08-13 again.
  table.times_ms = {1471082700000, 1471082700000 + kDayMs, -3'600'000, 0, 1471082700000};
  table.columns.resize(3);
  table.columns[0].name = "country";
  for (const auto* value : {"it", "de", "it", "", "xx"}) table.columns[0].text.push_back(value);
  table.columns[1].name = "price";
  table.columns[1].type = ColumnType::kNumber;
  table.columns[1].numbers = {1, 2, 3, kNone, 1000};
  table.columns[2].name = "checkout";
  table.columns[2].type = ColumnType::kTime;
  table.columns[2].times_ms = {1471082700000 + 2 * kDayMs + 5, 1471082700000, 40 * kDayMs, events::kMissingTime,
                               1471082700000};
  return table;
}

FeaturePipeline fitted() {
  FeaturePipeline pipeline(all_kinds(), "time");
  const std::vector<std::uint8_t> training = {1, 1, 1, 1, 0};
  pipeline.fit(table_of_five(), training);
  pipeline.finish_fit();
  return pipeline;
}

const std::vector<std::uint8_t> kStarts = {1, 0, 1, 0, 1};

TEST(FeaturePipeline, AsksForEachColumnOnce) {
  const auto columns = FeaturePipeline(all_kinds(), "time").columns();
  ASSERT_EQ(columns.size(), 3U);
  EXPECT_EQ(columns[0].name, "country");
  EXPECT_EQ(columns[1].name, "price");
  EXPECT_EQ(columns[2].name, "checkout");
  EXPECT_EQ(columns[2].type, ColumnType::kTime);
}

TEST(FeaturePipeline, MakesEveryKind) {
  const auto made = fitted().apply(table_of_five(), kStarts);
  EXPECT_THAT(made[0].codes, ElementsAre(1, 2, 1, 0, 0));  // "it" twice, "de" once; "xx" unknown
  const double deviation = std::sqrt(2.0 / 3);             // of 1, 2, 3; the mean is 2
  EXPECT_FLOAT_EQ(made[1].values[0], static_cast<float>(-1 / deviation));
  EXPECT_EQ(made[1].values[1], 0.0F);
  EXPECT_EQ(made[1].values[3], 0.0F);
  EXPECT_THAT(made[2].codes, ElementsAre(1, 2, 3, 0, 3));
  EXPECT_THAT(made[3].codes, ElementsAre(11, 11, 24, 1, 11));
  EXPECT_THAT(made[4].codes, ElementsAre(6, 7, 3, 4, 6));
  EXPECT_THAT(made[5].codes, ElementsAre(8, 8, 12, 1, 8));
  EXPECT_EQ(made[6].codes[0], 0);
  EXPECT_EQ(made[6].codes[2], 0);
  // 15 bounds 1 s ... 365 days by equal factors of 31536000^(1/14) = 3.4331: an hour lies past 3.4331^6 s = 1637 s, a
  // day past ^9.
  EXPECT_EQ(made[6].codes[3], 8);
  EXPECT_EQ(made[6].codes[1], 11);
  EXPECT_THAT(made[7].codes, ElementsAre(3, 1, 6, 0, 1));  // 2 days, -1 clipped to 0, 40 clipped to 5, missing, 0
}

TEST(FeaturePipeline, SpecsBoundTheCodes) {
  const auto specs = fitted().specs();
  std::vector<std::int32_t> n_codes;
  for (const auto& spec : specs) n_codes.push_back(spec.n_codes);
  EXPECT_THAT(n_codes, ElementsAre(3, 0, 4, 25, 8, 13, 17, 7));
  EXPECT_FALSE(specs[1].categorical);
}

TEST(FeaturePipeline, IsTheSameAfterAFileToTheLastBit) {
  const auto pipeline = fitted();
  const auto text = pipeline.to_json().dump();
  const auto back = FeaturePipeline::from_json(Json::parse(text), "features.json");
  EXPECT_EQ(back.to_json().dump(), text);
  EXPECT_EQ(back.specs(), pipeline.specs());
  const auto table = table_of_five();
  const auto a = pipeline.apply(table, kStarts), b = back.apply(table, kStarts);
  for (std::size_t f = 0; f < a.size(); ++f) {
    EXPECT_EQ(a[f].codes, b[f].codes);
    ASSERT_EQ(a[f].values.size(), b[f].values.size());
    for (std::size_t i = 0; i < a[f].values.size(); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(a[f].values[i]), std::bit_cast<std::uint32_t>(b[f].values[i]));
    }
  }
}

TEST(FeaturePipeline, SeesTrainingRowsOnlyAndNoOrder) {
  const auto expected = fitted().to_json().dump();
  auto table = table_of_five();
  table.columns[1].numbers[4] = -77;  // not a training row
  FeaturePipeline pipeline(all_kinds(), "time");
  for (const std::size_t row : {4U, 2U, 0U, 3U, 1U}) {  // a block a row, in another order
    std::vector<std::uint8_t> training(5, 0);
    training[row] = row != 4;
    pipeline.fit(table, training);
  }
  pipeline.finish_fit();
  EXPECT_EQ(pipeline.to_json().dump(), expected);
}

/// Four items, no sequence and no time of their own; the last stands for one that training does not know.
events::EventTable table_of_items() {
  events::EventTable table;
  table.n_rows = 4;
  for (const auto* id : {"a", "b", "c", "new"}) table.item.push_back(id);
  table.columns.resize(3);
  table.columns[0].name = "genre";
  for (const auto* value : {"Drama", "Comedy", "Drama", "Noir"}) table.columns[0].text.push_back(value);
  table.columns[1].name = "year";
  table.columns[1].type = ColumnType::kNumber;
  table.columns[1].numbers = {1990, 1994, kNone, 2020};
  table.columns[2].name = "released";
  table.columns[2].type = ColumnType::kTime;
  table.columns[2].times_ms = {1471082700000, 0, events::kMissingTime, 0};
  return table;
}

TEST(FeaturePipeline, MakesFeaturesOfItems) {
  FeaturePipeline pipeline(
      {option("genre", FeatureKind::kCategory), option("year", FeatureKind::kNumber),
       option("era", FeatureKind::kBucket, "year"), option("released", FeatureKind::kMonth, "released")},
      "");
  const auto table = table_of_items();
  pipeline.fit(table, std::vector<std::uint8_t>{1, 1, 1, 0});
  pipeline.finish_fit();
  const auto made = pipeline.apply(table, std::vector<std::uint8_t>(4, 1));
  EXPECT_THAT(made[0].codes, ElementsAre(1, 2, 1, 0));     // "Drama" twice, "Comedy" once; "Noir" unknown
  EXPECT_THAT(made[1].values, ElementsAre(-1, 1, 0, 14));  // mean 1992, deviation 2; missing is 0
  EXPECT_THAT(made[2].codes, ElementsAre(1, 2, 0, 2));
  EXPECT_THAT(made[3].codes, ElementsAre(8, 1, 0, 1));  // August, January
}

/// Cells of several words, and of none; the last item is not of the training part.
events::EventTable table_of_words() {
  events::EventTable table;
  const std::vector<const char*> cells = {"War|Drama", "", " Drama | | Noir|Drama", "Farce|Noir", "Opera|War|Polka|"};
  table.n_rows = cells.size();
  table.columns.resize(1);
  table.columns[0].name = "genres";
  for (const auto* cell : cells) table.columns[0].text.push_back(cell);
  return table;
}

TEST(FeaturePipeline, MakesSeveralCodesOfAnItem) {
  auto genres = option("genres", FeatureKind::kCategories);
  FeaturePipeline pipeline({genres}, "");
  const auto table = table_of_words();
  pipeline.fit(table, std::vector<std::uint8_t>{1, 1, 1, 1, 0});
  pipeline.finish_fit();
  ASSERT_EQ(pipeline.specs().size(), 1U);
  EXPECT_TRUE(pipeline.specs()[0].categorical);
  EXPECT_TRUE(pipeline.specs()[0].multiple);
  EXPECT_EQ(pipeline.specs()[0].n_codes, 5);  // Drama 1, Noir 2 (in two items each), Farce 3, War 4; unknown 0
  const auto made = pipeline.apply(table, std::vector<std::uint8_t>(5, 1));
  EXPECT_THAT(made[0].offsets, ElementsAre(0, 2, 2, 4, 6, 8));
  // Blanks, empty words and repeated ones do not count; Opera and Polka are one unknown.
  EXPECT_THAT(made[0].codes, ElementsAre(1, 4, 1, 2, 2, 3, 0, 4));
  genres.min_count = 2;
  FeaturePipeline of_frequent({genres}, "");
  of_frequent.fit(table, std::vector<std::uint8_t>{1, 1, 1, 1, 0});
  of_frequent.finish_fit();
  EXPECT_THAT(of_frequent.apply(table, std::vector<std::uint8_t>(5, 1))[0].codes, ElementsAre(0, 1, 1, 2, 0, 2, 0));
}

TEST(FeaturePipeline, SplitsWordsAtTheSeparator) {
  auto genres = option("genres", FeatureKind::kCategories);
  genres.separator = " ";
  FeaturePipeline pipeline({genres}, "");
  events::EventTable table;
  table.n_rows = 1;
  table.columns.resize(1);
  table.columns[0].name = "genres";
  table.columns[0].text.push_back("Film-Noir  Children's");
  pipeline.fit(table, std::vector<std::uint8_t>{1});
  pipeline.finish_fit();
  EXPECT_EQ(pipeline.to_json().at("features").at(0).at("values"), Json::array({"Children's", "Film-Noir"}));
  EXPECT_EQ(FeaturePipeline::from_json(pipeline.to_json(), "").to_json(), pipeline.to_json());
  genres.separator.clear();
  EXPECT_THROW(FeaturePipeline({genres}, ""), ConfigError);
}

TEST(FeaturePipeline, MeasuresAgesAtTheEndOfTraining) {
  constexpr std::int64_t kEnd = 100 * kDayMs;
  FeaturePipeline pipeline({option("age", FeatureKind::kAge, "released")}, "", kEnd);
  events::EventTable table;
  table.n_rows = 4;
  table.columns.resize(1);
  table.columns[0].name = "released";
  table.columns[0].type = ColumnType::kTime;
  // Ages of 1.5 days, 0 (in the future) and unknown; one that is not of the training part.
  table.columns[0].times_ms = {kEnd - kDayMs * 3 / 2, kEnd + kDayMs, events::kMissingTime, 0};
  pipeline.fit(table, std::vector<std::uint8_t>{1, 1, 1, 0});
  pipeline.finish_fit();
  EXPECT_FALSE(pipeline.specs()[0].categorical);
  const auto ages = pipeline.apply(table, std::vector<std::uint8_t>(4, 1))[0].values;
  const double half = std::log1p(1.5) / 2;  // mean and deviation of log1p(1.5) and 0
  EXPECT_NEAR(ages[0], 1, 1e-6);
  EXPECT_NEAR(ages[1], -1, 1e-6);
  EXPECT_EQ(ages[2], 0);
  EXPECT_NEAR(ages[3], (std::log1p(100.0) - half) / half, 1e-5);
  const auto json = pipeline.to_json();
  EXPECT_EQ(json.at("version"), 2);  // a program that knows no ages must not take it
  EXPECT_EQ(json.at("features").at(0).at("training_end_ms"), kEnd);
  EXPECT_EQ(FeaturePipeline::from_json(json, "").apply(table, std::vector<std::uint8_t>(4, 1))[0].values, ages);
  EXPECT_THROW(FeaturePipeline({option("age", FeatureKind::kAge, "released")}, ""), ConfigError);
}

TEST(FeaturePipeline, MakesRareValuesUnknown) {
  auto country = option("country", FeatureKind::kCategory);
  country.min_count = 2;
  FeaturePipeline pipeline({country}, "time");
  pipeline.fit(table_of_five(), std::vector<std::uint8_t>(5, 1));
  pipeline.finish_fit();
  EXPECT_THAT(pipeline.apply(table_of_five(), kStarts)[0].codes, ElementsAre(1, 0, 1, 0, 0));
}

TEST(FeaturePipeline, LeavesAConstantAtZero) {
  FeaturePipeline pipeline({option("price", FeatureKind::kNumber)}, "");
  auto table = table_of_five();
  table.columns[1].numbers.assign(5, 0.1);
  pipeline.fit(table, std::vector<std::uint8_t>(5, 1));
  pipeline.finish_fit();
  EXPECT_NEAR(pipeline.apply(table, kStarts)[0].values[0], 0.0F, 1e-6F);
}

TEST(FeaturePipeline, RefusesWrongUse) {
  EXPECT_THROW(FeaturePipeline({option("a", FeatureKind::kCategory), option("a", FeatureKind::kNumber)}, ""),
               ConfigError);
  EXPECT_THROW(FeaturePipeline({option("hour", FeatureKind::kHour)}, ""), ConfigError);
  EXPECT_THROW(fitted().apply(events::EventTable{}, {}), std::invalid_argument);
  auto json = fitted().to_json();
  json["features"][1]["deviation"] = 0;
  EXPECT_THROW(FeaturePipeline::from_json(json, "features.json"), DataError);
  json = fitted().to_json();
  json["version"] = 99;
  EXPECT_THROW(FeaturePipeline::from_json(json, "features.json"), DataError);
  json = fitted().to_json();
  json["features"][0]["values"] = {"it", "it"};
  EXPECT_THROW(FeaturePipeline::from_json(json, "features.json"), DataError);
}

}  // namespace
}  // namespace segue::features
