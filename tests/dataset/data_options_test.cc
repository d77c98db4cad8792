#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/section.h"
#include "dataset/prepare.h"
#include "support/errors.h"
#include "tests/events/reading.h"

namespace segue {
namespace {

using events::message_of;
using testing::HasSubstr;

DataOptions read(const std::string& yaml) {
  auto document = config::Document::parse("data:\n" + yaml, "c.yaml");
  DataOptions options;
  auto root = document.root();
  auto section = root.section("data", "");
  options.read(section);
  document.finish();
  return options;
}

TEST(DataOptions, ReadsTheWholeProtocol) {
  const auto options = read(
      "  prepared: p\n  events: [a.csv, b*.csv]\n  columns: {sequence: 1, item: city, time: checkin}\n  time_format: "
      "iso8601\n"
      "  on_bad_row: skip\n  features:\n    - {name: stay, kind: duration, column: checkin, until: checkout, context: "
      "true}\n    - {name: country}\n"
      "  filters: {min_sequence_length: 3, max_sequence_length: 50, min_item_count: 5}\n"
      "  split: {kind: time, validation_from: 2016-08-01, test_from: 2016-09-01}\n");
  EXPECT_EQ(options.events.size(), 2U);
  EXPECT_EQ(options.source.sequence_column, "1");
  EXPECT_EQ(options.source.on_bad_row, events::OnBadRow::kSkip);
  ASSERT_EQ(options.features.size(), 2U);
  EXPECT_EQ(options.features[0].until, "checkout");
  EXPECT_TRUE(options.features[0].context);
  EXPECT_EQ(options.features[1].kind, features::FeatureKind::kCategory);
  EXPECT_EQ(options.min_item_count, 5);
  EXPECT_EQ(options.max_sequence_length, 50);
  EXPECT_EQ(options.test_from, "2016-09-01");
}

TEST(DataOptions, ReadsASplitByUsersWithoutTimes) {
  const auto options = read(
      "  prepared: p\n  events: a.csv\n  columns: {sequence: s, item: i}\n"
      "  split: {kind: users, validation_fraction: 0.05, test_fraction: 0.2, seed: 7}\n");
  EXPECT_EQ(options.split, SplitKind::kUsers);
  EXPECT_EQ(options.validation_fraction, 0.05);
  EXPECT_EQ(options.test_fraction, 0.2);
  EXPECT_EQ(options.split_seed, 7U);
}

TEST(DataOptions, ReadsFeaturesOfItems) {
  const std::string events = "  prepared: p\n  events: a.csv\n  columns: {sequence: s, item: id, time: t}\n  items:\n";
  const auto options = read(events +
                            "    files: [m*.csv, n.parquet]\n    features:\n      - {name: genre, min_count: 3}\n"
                            "      - {name: era, kind: bucket, column: year, n_buckets: 4}\n");
  EXPECT_EQ(options.items.files.size(), 2U);
  EXPECT_EQ(options.items.column, "id");  // that of the events
  ASSERT_EQ(options.items.features.size(), 2U);
  EXPECT_EQ(options.items.features[0].column, "genre");
  EXPECT_EQ(options.items.features[0].min_count, 3);
  EXPECT_EQ(options.items.features[1].kind, features::FeatureKind::kBucket);
  EXPECT_EQ(options.items.features[1].column, "year");
  EXPECT_EQ(read(events + "    {files: m.csv, column: movie, features: [{name: genre}]}\n").items.column, "movie");
}

TEST(DataOptions, RefusesFeaturesOfItemsThatMakeNoSense) {
  const auto fault = [](const std::string& items) {
    return message_of<ConfigError>([&] {
      read("  prepared: p\n  events: a.csv\n  columns: {sequence: s, item: i, time: t}\n  items: " + items + "\n");
    });
  };
  for (const std::string kind : {"gap", "duration"}) {
    EXPECT_THAT(fault("{files: m.csv, features: [{name: x, kind: " + kind + "}]}"),
                testing::AllOf(HasSubstr("c.yaml:5:"), HasSubstr("data.items.features[0].kind"),
                               HasSubstr("none of category, number, bucket, hour, weekday, month")));
  }
  for (const std::string key : {"context", "history", "until"}) {
    EXPECT_THAT(fault("{files: m.csv, features: [{name: x, " + key + ": true}]}"),
                HasSubstr("unknown key 'data.items.features[0]." + key + "'"));
  }
  EXPECT_THAT(fault("{files: m.csv}"), HasSubstr("data.items.features"));
  EXPECT_THAT(fault("{features: [{name: x}]}"), HasSubstr("data.items.files"));
  EXPECT_THAT(fault("{files: m.csv, features: [{name: x}, {name: x, kind: number}]}"),
              HasSubstr("data.items.features[1].name"));
}

TEST(DataOptions, ReadsRewardsWordsAgesAndIntervals) {
  const auto options = read(
      "  prepared: p\n  events: a.csv\n  columns: {sequence: s, item: i, time: t, reward: watched}\n  items:\n"
      "    files: m.csv\n    available_from: begin\n    available_until: end\n    features:\n"
      "      - {name: genres, kind: categories, separator: \" \"}\n      - {name: years, kind: age, column: begin}\n");
  EXPECT_EQ(options.source.reward_column, "watched");
  EXPECT_EQ(options.items.available_from, "begin");
  EXPECT_EQ(options.items.available_until, "end");
  EXPECT_EQ(options.items.features[0].separator, " ");
  EXPECT_EQ(options.items.features[1].kind, features::FeatureKind::kAge);
  // Intervals alone are reason enough for a file of items.
  EXPECT_NO_THROW(
      read("  prepared: p\n  events: a.csv\n  columns: {sequence: s, item: i, time: t}\n  items: {files: m.csv, "
           "available_from: "
           "f}\n"));
}

TEST(DataOptions, RefusesKindsOfItemsForEvents) {
  for (const std::string kind : {"categories", "age"}) {
    EXPECT_THAT(message_of<ConfigError>([&] {
                  read(
                      "  prepared: p\n  events: a.csv\n  columns: {sequence: s, item: i, time: t}\n  features: [{name: "
                      "x, kind: " +
                      kind + "}]\n");
                }),
                testing::AllOf(HasSubstr("c.yaml:5:"), HasSubstr("data.features[0].kind"),
                               HasSubstr("'" + kind + "' is a kind of items"), HasSubstr("data.items.features")));
  }
}

TEST(DataOptions, RefusesAgesAndIntervalsWithoutTimes) {
  const auto fault = [](const std::string& items) {
    return message_of<ConfigError>([&] {
      read("  prepared: p\n  events: a.csv\n  columns: {sequence: s, item: i}\n  split: {kind: last_item}\n  items: " +
           items + "\n");
    });
  };
  EXPECT_THAT(fault("{files: m.csv, features: [{name: x, kind: age}]}"),
              testing::AllOf(HasSubstr("data.items.features"), HasSubstr("needs data.columns.time")));
  EXPECT_THAT(fault("{files: m.csv, available_from: f}"),
              testing::AllOf(HasSubstr("data.items.available_from"), HasSubstr("needs data.columns.time")));
  EXPECT_THAT(fault("{files: m.csv, available_until: f}"), HasSubstr("data.items.available_until"));
  EXPECT_THAT(fault("{available_until: f}"), HasSubstr("data.items.files"));
  EXPECT_THAT(fault("{files: m.csv, features: [{name: x, kind: categories, separator: \"\"}]}"),
              HasSubstr("data.items.features[0].separator"));
}

TEST(DataOptions, FailsWhereTheProtocolIsImpossible) {
  const auto fault = [](const std::string& yaml) {
    return message_of<ConfigError>([&] { read("  prepared: p\n  events: a.csv\n" + yaml); });
  };
  EXPECT_THAT(fault("  columns: {sequence: s, item: i}\n"), HasSubstr("needs data.columns.time"));
  EXPECT_THAT(fault("  columns: {sequence: s, time: t}\n"), HasSubstr("name the column of the item"));
  EXPECT_THAT(
      fault("  columns: {sequence: s, item: i, time: t}\n  split: {validation_fraction: 0.5, test_fraction: 0.5}\n"),
      HasSubstr("leave nothing to train on"));
  EXPECT_THAT(fault("  columns: {sequence: s, item: i, time: t}\n  features: [{name: stay, kind: duration}]\n"),
              HasSubstr("until"));
  EXPECT_THAT(fault("  columns: {sequence: s, item: i, time: t}\n  delimiter: ab\n"), HasSubstr("one character"));
  EXPECT_THAT(fault("  columns: {sequence: s, item: i, time: t}\n  filters: {min_item_cont: 3}\n"),
              HasSubstr("min_item_count"));
}

}  // namespace
}  // namespace segue
