#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "dataset/dataset.h"
#include "dataset/prepare.h"
#include "support/errors.h"
#include "tests/dataset/planted_events.h"
#include "tests/events/reading.h"

namespace segue {
namespace {

using events::message_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// The training part of the planted events knows items 7 (row 0) and 5 (row 1); 9 and 11 come later.
constexpr const char* kItems = "id,genre,year\n5,Drama,1990\n9,Noir,2020\n7,Comedy,1994\n";

DataOptions options_with(const ScratchFolder& folder, const std::string& items,
                         const std::string& events = kPlantedEvents) {
  auto options = planted_options(folder, events);
  options.items.files = {folder.write("items.csv", items).string()};
  options.items.column = "id";
  features::FeatureOptions genre, year;
  genre.name = genre.column = "genre";
  year.name = "age";
  year.column = "year";
  year.kind = features::FeatureKind::kNumber;
  options.items.features = {genre, year};
  return options;
}

std::string fitted(const ScratchFolder& folder) { return storage::read_file(folder / "prepared/item_features.json"); }

TEST(ItemFeatures, AreRowsOfTheVocabularyAndOneOfNoItem) {
  const ScratchFolder folder;
  const auto options = options_with(folder, kItems);
  const auto manifest = prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  ASSERT_EQ(dataset.items().to_text(), "7\n5\n");
  ASSERT_EQ(dataset.item_features().size(), 2U);
  const auto& genre = dataset.item_features()[0];
  const auto& age = dataset.item_features()[1];
  EXPECT_EQ(genre.spec.name, "genre");
  EXPECT_EQ(genre.spec.n_codes, 3);
  EXPECT_THAT(genre.codes, ElementsAre(1, 2, 0));  // one Comedy and one Drama, by the bytes; Noir is unknown
  EXPECT_FALSE(age.spec.categorical);
  EXPECT_THAT(age.values, ElementsAre(1, -1, 0));  // mean 1992, deviation 2
  EXPECT_EQ(dataset.features().size(), 2U);        // those of events stay what they were
  EXPECT_EQ(manifest.at("version"), 2);
  EXPECT_EQ(manifest.at("counts").at("item_rows_read"), 3);
  EXPECT_EQ(manifest.at("counts").at("items_not_listed"), 0);
  EXPECT_EQ(manifest.at("protocol").at("item_features").dump(), "[\"genre\",\"age\"]");
}

TEST(ItemFeatures, AreZeroForItemsThatAreNotListed) {
  const ScratchFolder folder;
  const auto options = options_with(folder, "id,genre,year\n5,Drama,1990\n9,Noir,2020\n");
  const auto manifest = prepare(options, 1);
  const auto dataset = Dataset::open(options.prepared);
  EXPECT_THAT(dataset.item_features()[0].codes, ElementsAre(0, 1, 0));
  EXPECT_EQ(manifest.at("counts").at("items_not_listed"), 1);
  EXPECT_THAT(message_of<DataError>([&] { prepare(options_with(folder, "id,genre,year\n1,Drama,1990\n"), 1); }),
              AllOf(HasSubstr("items.csv"), HasSubstr("none of its 1 items"), HasSubstr("data.items.column")));
}

TEST(ItemFeatures, LearnNothingFromOtherItemsAndLaterEvents) {
  const ScratchFolder folder;
  const auto learned = [&](const std::string& items, const std::string& events) {
    auto options = options_with(folder, items, events);
    options.validation_from = "45";
    options.test_from = "55";
    prepare(options, 2);
    return fitted(folder) + storage::file_checksum(folder / "prepared/item_features.arrow");
  };
  const auto expected = learned(kItems, kPlantedEvents);
  std::string other = kItems;  // in other places too: in front and behind
  other.insert(other.find('\n') + 1, "400,Drama,-1e9\n401,Noir,1e9\n");
  other += "11,Noir,7\n402,Noir,3\n";
  EXPECT_EQ(learned(other, kPlantedEvents), expected);
  std::string later = kPlantedEvents;
  later.replace(later.find("c,11,60,7,fr"), 12, "c,9,60,-5,zz");
  EXPECT_EQ(learned(kItems, later + "e,5,80,1,it\ne,400,90,1,it\n"), expected);
  EXPECT_NE(learned("id,genre,year\n5,Drama,1990\n7,Comedy,1996\n", kPlantedEvents), expected);
}

TEST(ItemFeatures, CountEachItemOnceHoweverOftenItHappens) {
  const ScratchFolder folder;
  auto options = options_with(folder, kItems);
  options.min_item_count = 3;  // leaves item 5, which happens three times
  prepare(options, 1);
  const auto json = Json::parse(fitted(folder));
  EXPECT_EQ(json.at("features").at(0).at("values"), Json::array({"Drama"}));
  EXPECT_EQ(json.at("features").at(1).at("mean"), 1990);
}

TEST(ItemFeatures, GiveARequestTheSameNumbersBitForBit) {
  const ScratchFolder folder;
  std::string items = "id,genre,year\n";
  for (const char* id : {"11", "7", "9", "5"})
    items += std::string(id) + ",g" + id + "," + std::to_string(1990.1 + std::atoi(id) / 7.0) + "\n";
  auto options = options_with(folder, items);
  options.validation_fraction = options.test_fraction = 0;  // all four items train
  prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  ASSERT_EQ(dataset.n_items(), 4);
  const auto pipeline = features::FeaturePipeline::from_json(dataset.item_pipeline().to_json(), "bundle");
  auto source = options.source;
  source.item_column = options.items.column;
  events::EventReader reader({folder / "items.csv"}, source, pipeline.columns(), events::RowKind::kItem);
  events::EventTable table;
  ASSERT_TRUE(reader.next(table));
  const auto made = pipeline.apply(table, std::vector<std::uint8_t>(table.n_rows, 1));
  for (std::size_t row = 0; row < table.n_rows; ++row) {
    const auto item = static_cast<std::size_t>(dataset.items().find(table.item[row]));
    EXPECT_EQ(made[0].codes[row], dataset.item_features()[0].codes[item]);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(made[1].values[row]),
              std::bit_cast<std::uint32_t>(dataset.item_features()[1].values[item]));
    EXPECT_NE(made[1].values[row], 0.0F);
  }
}

/// Features of several codes, ages, and intervals. Training events end at 30 s (a and b), 9 and 11 come later.
DataOptions options_with_intervals(const ScratchFolder& folder) {
  auto options = options_with(folder, "id,genre,year,born,gone\n5,Drama|War,1990,0,\n9,Noir,2020,1,2\n7,,1994,,40\n");
  options.items.features[0].kind = features::FeatureKind::kCategories;
  options.items.features[1].kind = features::FeatureKind::kAge;
  options.items.features[1].column = "born";
  options.items.available_from = "born";
  options.items.available_until = "gone";
  return options;
}

TEST(ItemFeatures, MayHaveSeveralCodesAgesAndIntervals) {
  const ScratchFolder folder;
  const auto options = options_with_intervals(folder);
  const auto manifest = prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  ASSERT_EQ(dataset.items().to_text(), "7\n5\n");
  const auto& genre = dataset.item_features()[0];
  EXPECT_TRUE(genre.spec.multiple);
  EXPECT_EQ(genre.spec.n_codes, 3);
  EXPECT_THAT(genre.offsets, ElementsAre(0, 0, 2, 2));  // 7 without a genre, 5 of two, the unknown item
  EXPECT_THAT(genre.codes, ElementsAre(1, 2));
  const auto json = Json::parse(fitted(folder));
  std::int64_t last_training_ms = 0;
  for (std::int64_t s = 0; s < dataset.n_sequences(); ++s) {
    const auto bounds = dataset.bounds(s);
    for (auto e = bounds.begin; e < bounds.train_end; ++e)
      last_training_ms = std::max(last_training_ms, dataset.times_ms()[static_cast<std::size_t>(e)]);
  }
  EXPECT_EQ(json.at("features").at(1).at("training_end_ms"), last_training_ms);
  EXPECT_THAT(dataset.item_features()[1].values, ElementsAre(0, 0, 0));  // one age alone is the mean
  EXPECT_THAT(dataset.available_from_ms(), ElementsAre(INT64_MIN, 0));
  EXPECT_THAT(dataset.available_until_ms(), ElementsAre(40'000, INT64_MAX));
  EXPECT_EQ(manifest.at("version"), 3);
  EXPECT_TRUE(manifest.at("protocol").at("available_items_only"));
}

TEST(ItemFeatures, MayBeIntervalsAlone) {
  const ScratchFolder folder;
  auto options = options_with_intervals(folder);
  options.items.features.clear();
  options.items.available_until.clear();
  prepare(options, 1);
  const auto dataset = Dataset::open(options.prepared);
  EXPECT_TRUE(dataset.item_features().empty());
  EXPECT_THAT(dataset.available_from_ms(), ElementsAre(INT64_MIN, 0));
  EXPECT_THAT(dataset.available_until_ms(), ElementsAre(INT64_MAX, INT64_MAX));
  const auto first = dataset.fingerprint();
  options.items.available_from = "gone";
  EXPECT_NE(prepare(options, 1).at("fingerprint"), first);
  options.source.time_column.clear();
  options.split = SplitKind::kLastItem;
  EXPECT_THAT(message_of<ConfigError>([&] { prepare(options, 1); }), HasSubstr("data.columns.time"));
}

TEST(ItemFeatures, ArePreparedAgainWhenTheirFilesOrTransformsChange) {
  const ScratchFolder folder;
  auto options = options_with(folder, kItems);
  const auto first = prepare(options, 1);
  const auto written = std::filesystem::last_write_time(folder / "prepared/manifest.json");
  EXPECT_EQ(prepare(options, 1).dump(), first.dump());
  EXPECT_EQ(std::filesystem::last_write_time(folder / "prepared/manifest.json"), written);
  options_with(folder, std::string(kItems) + "77,Noir,1999\n");  // an item that nobody knows: same content, read again
  const auto second = prepare(options, 1);
  EXPECT_EQ(second.at("fingerprint"), first.at("fingerprint"));
  EXPECT_EQ(second.at("counts").at("item_rows_read"), 4);
  options_with(folder, "id,genre,year\n5,Drama,1990\n9,Noir,2020\n7,Comedy,1999\n");
  const auto third = prepare(options, 1);
  EXPECT_NE(third.at("fingerprint"), first.at("fingerprint"));
  options.items.features[1].kind = features::FeatureKind::kBucket;
  EXPECT_NE(prepare(options, 1).at("fingerprint"), third.at("fingerprint"));
  options.items = {};
  EXPECT_EQ(prepare(options, 1).at("version"), 1);  // as older programs wrote it, and read it
  EXPECT_TRUE(Dataset::open(options.prepared).item_features().empty());
  EXPECT_FALSE(std::filesystem::exists(folder / "prepared/item_features.arrow"));
}

TEST(ItemFeatures, NameBadRows) {
  const ScratchFolder folder;
  const auto fault = [&](const std::string& rows) {
    return message_of<DataError>([&] { prepare(options_with(folder, "id,genre,year\n" + rows), 1); });
  };
  EXPECT_THAT(fault("5,Drama,1990\n7,Drama,1\n5,Noir,1990\n"),
              AllOf(HasSubstr("items.csv, row 3 (line 4), column 'id'"), HasSubstr("'5' was listed before")));
  EXPECT_THAT(fault("5,Drama,1990\n,Drama,1\n"), AllOf(HasSubstr("row 2"), HasSubstr("column 'id'")));
  EXPECT_THAT(fault("5,Drama,V\n"), AllOf(HasSubstr("row 1"), HasSubstr("column 'year'"), HasSubstr("'V'")));
  EXPECT_FALSE(std::filesystem::exists(folder / "prepared"));
  auto options = options_with(folder, "id,genre,year\n5,Drama,1990\n7,Drama,V\n5,Noir,1990\n");
  options.source.on_bad_row = events::OnBadRow::kSkip;
  const auto manifest = prepare(options, 1);
  EXPECT_EQ(manifest.at("skipped_rows").at("n"), 2);
  EXPECT_EQ(manifest.at("counts").at("items_not_listed"), 1);
  EXPECT_THAT(Dataset::open(options.prepared).item_features()[0].codes, ElementsAre(0, 1, 0));
}

TEST(ItemFeatures, AreRefusedWhenDamaged) {
  for (const std::string name : {"item_features.arrow", "item_features.json"}) {
    const ScratchFolder folder;
    prepare(options_with(folder, kItems), 1);
    const auto whole = storage::read_file(folder / ("prepared/" + name));
    auto damaged = whole;
    damaged[damaged.size() / 2] ^= 1;
    folder.write("prepared/" + name, damaged);
    EXPECT_THAT(message_of<DataError>([&] { Dataset::open(folder / "prepared"); }),
                AllOf(HasSubstr(name), HasSubstr("prepare the data again")));
    std::filesystem::remove(folder / ("prepared/" + name));
    EXPECT_THAT(message_of<DataError>([&] { Dataset::open(folder / "prepared", false); }),
                AllOf(HasSubstr(name), HasSubstr("missing")));
  }
}

TEST(ItemFeatures, NeedFilesAndFeatures) {
  const ScratchFolder folder;
  auto options = options_with(folder, kItems);
  options.items.features.clear();
  EXPECT_THROW(prepare(options, 1), ConfigError);
  options = options_with(folder, kItems);
  options.items.files = {(folder / "none*.csv").string()};
  EXPECT_THAT(message_of<DataError>([&] { prepare(options, 1); }), HasSubstr("no file matches"));
}

}  // namespace
}  // namespace segue
