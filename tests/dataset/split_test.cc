#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "tests/dataset/planted_events.h"
#include "tests/events/reading.h"

namespace segue {
namespace {

using events::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

// Sorted by (time, input): b 5 7 9, a 5 7 5, c 9 11 5, d 7. Times: 1 10 15 20 30 30 40 50 60 70, so with a fifth each
// validation is from 40 and the test from 60.
TEST(Split, ByTimeCutsAcrossSequences) {
  const ScratchFolder folder;
  const auto options = planted_options(folder);
  const auto manifest = prepare(options, 2);
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)),
              ElementsAre("b: 5 7 | ? |", "a: 5 7 5 | |", "c: | ? | ? 5"));
  EXPECT_EQ(manifest.at("cuts").at("validation_from"), "1970-01-01T00:00:40Z");
  EXPECT_EQ(manifest.at("cuts").at("test_from"), "1970-01-01T00:01:00Z");
  EXPECT_EQ(manifest.at("counts").at("sequences_left_out"), 1);
  EXPECT_EQ(manifest.at("counts").at("parts").at("test").at("unknown_items"), 0.5);
}

TEST(Split, ByGivenTimes) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  options.validation_from = "30";
  options.test_from = "1970-01-01T00:00:50Z";
  prepare(options, 1);
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)),
              ElementsAre("b: 5 7 | | ?", "a: 5 | 7 5 |", "c: | ? | ? 5"));
  options.validation_from.clear();  // a fifth of all events before the test: times 30 and 40
  prepare(options, 1);
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)),
              ElementsAre("b: 5 7 | | ?", "a: 5 | 7 5 |", "c: | ? | ? 5"));
  options.test_from = "soon";
  EXPECT_THAT(message_of<ConfigError>([&] { prepare(options, 1); }),
              HasSubstr("data.split.test_from: 'soon' is not a time"));
  options.test_from = "-5";
  EXPECT_THAT(message_of<ConfigError>([&] { prepare(options, 1); }), HasSubstr("leaves nothing to train on"));
}

TEST(Split, ByTimeNeedsTimes) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  options.source.time_column.clear();
  EXPECT_THAT(message_of<ConfigError>([&] { prepare(options, 1); }),
              HasSubstr("choose last_sequences, last_item or files"));
}

TEST(Split, LastItemLeavesShortSequencesToTraining) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  options.split = SplitKind::kLastItem;
  options.min_sequence_length = 1;
  prepare(options, 1);
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)),
              ElementsAre("b: 5 | 7 | 9", "a: 5 | 7 | 5", "c: 9 | ? | 5", "d: 7 | |"));
}

TEST(Split, LastSequencesGoByTheirLastEvent) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  options.split = SplitKind::kLastSequences;
  options.validation_fraction = options.test_fraction = 0.3;  // of three sequences: one each; they end at 50, 30 and 70
  prepare(options, 2);
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)),
              ElementsAre("b: | 5 7 ? |", "a: 5 7 5 | |", "c: | | ? ? 5"));
  options.source.time_column.clear();
  prepare(options, 2);  // by input order a ends first, then b, then c; within a sequence the rows' order stays
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)),
              ElementsAre("b: | 7 5 ? |", "a: 5 7 5 | |", "c: | | ? ? 5"));
}

TEST(Split, FilesTakeTheLastTrainingSequencesToValidate) {
  const ScratchFolder folder;
  DataOptions options;
  options.prepared = (folder / "prepared").string();
  options.source.format = events::Format::kSessionLines;
  options.split = SplitKind::kFiles;
  options.events = {folder.write("train.txt", "5 6\n7 5\n6\n5 5\n8 8\n").string()};
  options.test_events = {folder.write("test.txt", "5 8\n6 9\n").string()};
  options.validation_fraction = 0.25;
  prepare(options, 2);
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)),
              ElementsAre("1: 5 6 | |", "2: 7 5 | |", "4: 5 5 | |", "5: | ? ? |", "1: | | 5 ?", "2: | | 6 ?"));
  options.validation_events = {folder.write("validation.txt", "7 7\n").string()};
  prepare(options, 2);
  EXPECT_THAT(
      sequences_of(Dataset::open(options.prepared)),
      ElementsAre("1: 5 6 | |", "2: 7 5 | |", "4: 5 5 | |", "5: 8 8 | |", "1: | 7 7 |", "1: | | 5 8", "2: | | 6 ?"));
}

TEST(Split, FilesRefuseASequenceInTwoParts) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  options.split = SplitKind::kFiles;
  options.test_events = {folder.write("test.csv", "user,item,time,price,country\nz,5,80,1,it\na,5,90,1,it\n").string()};
  EXPECT_THAT(message_of<DataError>([&] { prepare(options, 1); }),
              testing::AllOf(HasSubstr("sequence 'a' stands in data.events and in data.test_events"),
                             HasSubstr("split by time")));
}

TEST(Filters, KeepTheLatestEventsAndDropRareItems) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  options.max_sequence_length = 2;
  options.min_item_count = 2;
  options.validation_fraction = options.test_fraction = 0;
  const auto manifest = prepare(options, 1);
  // Left: b 7 9, a 7 5, c 11 5; 7 and 5 twice.
  EXPECT_THAT(sequences_of(Dataset::open(options.prepared)), ElementsAre("b: 7 ? | |", "a: 7 5 | |", "c: ? 5 | |"));
  EXPECT_EQ(manifest.at("counts").at("items"), 2);
  EXPECT_DOUBLE_EQ(manifest.at("counts").at("parts").at("train").at("unknown_items").get<double>(), 2.0 / 6);
  options.min_item_count = 10;
  EXPECT_THAT(message_of<DataError>([&] { prepare(options, 1); }), HasSubstr("data.filters.min_item_count 10"));
}

}  // namespace
}  // namespace segue
