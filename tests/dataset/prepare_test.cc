#include "dataset/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <sstream>

#include "dataset/split.h"
#include "events/event_reader.h"
#include "support/errors.h"
#include "support/interrupt.h"
#include "support/random.h"
#include "tests/dataset/planted_events.h"
#include "tests/events/reading.h"

namespace segue {
namespace {

using events::message_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string many_events(int n, std::uint64_t seed, int n_users = 400) {
  Random random(seed);
  std::string text = "user,item,time,price,country\n";
  for (int i = 0; i < n; ++i) {
    text += "u" + std::to_string(random.below(static_cast<std::uint64_t>(n_users))) + "," +
            std::to_string(random.below(60)) + "," + std::to_string(random.below(1000)) + "," +
            std::to_string(random.uniform() * 100) + ",c" + std::to_string(random.below(7)) + "\n";
  }
  return text;
}

TEST(Prepare, NumbersItemsByTheirFirstTrainingEventInTheInput) {
  const ScratchFolder folder;
  const auto options = planted_options(folder);
  prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  EXPECT_EQ(dataset.items().to_text(),
            "7\n5\n");  // the first row of the file trains and holds 7; 9 and 11 come later than training
  EXPECT_THAT(dataset.item_counts(), ElementsAre(2, 3));
  EXPECT_THAT(dataset.item_rows(), ElementsAre(1, 0, 2, 1, 0, 1, 2, 2, 1));
  EXPECT_THAT(dataset.times_ms(), ElementsAre(15000, 20000, 50000, 10000, 30000, 30000, 40000, 60000, 70000));
  EXPECT_THAT(dataset.begins(), ElementsAre(0, 3, 6, 9));
}

TEST(Prepare, DoesNotDependOnThreads) {
  const ScratchFolder folder;
  auto options = planted_options(folder, many_events(20'000, 1));
  options.n_partitions = 7;
  prepare(options, 1);
  const auto one = content_of(options.prepared);
  prepare(options, 4, true);
  EXPECT_EQ(content_of(options.prepared), one);
}

TEST(Prepare, FitsTheSameWhateverThePartitions) {
  const ScratchFolder folder;
  auto options = planted_options(folder, many_events(20'000, 2));
  options.n_partitions = 1;
  const auto one = prepare(options, 2);
  const auto features = storage::read_file(folder / "prepared/features.json"),
             items = storage::read_file(folder / "prepared/items.txt");
  options.n_partitions = 13;
  const auto many = prepare(options, 2);
  EXPECT_EQ(storage::read_file(folder / "prepared/features.json"), features);
  EXPECT_EQ(storage::read_file(folder / "prepared/items.txt"), items);
  EXPECT_EQ(many.at("counts").dump(), one.at("counts").dump());
}

TEST(Prepare, LearnsNothingFromLaterParts) {
  const ScratchFolder folder;
  // The later half of the time: other users, items, prices and countries, and more of them.
  const auto base = many_events(5000, 3);
  auto with = [&](const std::string& tail) {
    auto options = planted_options(folder, base + tail);
    options.test_from = "2000";
    options.validation_from = "1500";
    prepare(options, 2);
    std::string learned = storage::read_file(folder / "prepared/features.json") +
                          storage::read_file(folder / "prepared/items.txt") +
                          storage::file_checksum(folder / "prepared/items.arrow");
    return learned;
  };
  std::string a = "u1,3,1600,5,c1\nu2,4,2100,6,c2\n", b;
  for (int i = 0; i < 3000; ++i)
    b += "u" + std::to_string(i % 900) + ",x" + std::to_string(i % 41) + "," + std::to_string(1500 + i) + ",1e9,zz\n";
  EXPECT_EQ(with(a), with(b));
}

TEST(Prepare, LearnsNothingFromLaterPartsWhateverTheSplit) {
  // Sixty users of six events, one user after the other. Which rows come after the training part:
  const auto last_two = [](int, int place) { return place >= 4; };
  const auto last_users = [](int user, int) { return user >= 36; };
  const auto learned = [](SplitKind split, const auto& later, bool replaced) {
    const ScratchFolder folder;
    const std::string header = "user,item,time,price,country\n";
    std::string text = header, test_text = header;
    for (int user = 0; user < 60; ++user) {
      for (int place = 0; place < 6; ++place) {
        const bool other = replaced && later(user, place);
        const int n = user * 7 + place * 3;
        // Other items, known and new, numbers far out and other words, in other shares.
        (split == SplitKind::kFiles && later(user, place) ? test_text : text) +=
            "u" + std::to_string(user) + "," + std::to_string(other ? 9 + n % 2 * 90 : n % 11) + "," +
            std::to_string(100 * user + place) + "," + (other ? "1e9" : std::to_string(n % 13)) + "," +
            (other ? "zz" : "c" + std::to_string(n % 4)) + "\n";
      }
    }
    auto options = planted_options(folder, text);
    options.split = split;
    if (split == SplitKind::kFiles) options.test_events = {folder.write("test.csv", test_text).string()};
    prepare(options, 1);
    return storage::read_file(folder / "prepared/features.json") + storage::read_file(folder / "prepared/items.txt") +
           storage::file_checksum(folder / "prepared/items.arrow") + "\n" +
           storage::file_checksum(folder / "prepared/events.arrow");
  };
  const auto held_out = [](int user, int) {
    DataOptions options;
    options.validation_fraction = options.test_fraction = 0.2;
    return dataset::part_of_user("u" + std::to_string(user), options) != Part::kTrain;
  };
  for (const SplitKind split :
       {SplitKind::kLastItem, SplitKind::kLastSequences, SplitKind::kUsers, SplitKind::kFiles}) {
    const auto both = [&](bool replaced) {
      if (split == SplitKind::kLastItem) return learned(split, last_two, replaced);
      return split == SplitKind::kUsers ? learned(split, held_out, replaced) : learned(split, last_users, replaced);
    };
    const std::string before = both(false), after = both(true);
    const auto events = before.rfind('\n');
    EXPECT_EQ(after.substr(0, after.rfind('\n')), before.substr(0, events)) << static_cast<int>(split);
    EXPECT_NE(after, before) << "the replaced rows are not even in the dataset";
  }
}

TEST(Prepare, GivesARequestTheSameFeaturesBitForBit) {
  const ScratchFolder folder;
  const auto options =
      planted_options(folder, many_events(3000, 4, 1));  // one user: the prepared order is that of time
  prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  const auto pipeline = features::FeaturePipeline::from_json(dataset.pipeline().to_json(), "bundle");
  // The request holds the same rows in order of time, read by the reader that reads histories.
  auto lines = storage::read_file(folder / "events.csv");
  std::vector<std::pair<int, std::string>> rows;
  std::istringstream stream(lines);
  std::string header, line;
  std::getline(stream, header);
  while (std::getline(stream, line)) {
    const auto second = line.find(',', line.find(',') + 1);
    rows.emplace_back(std::stoi(line.substr(second + 1)), line);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  std::string request = header + "\n";
  for (const auto& row : rows) request += row.second + "\n";
  events::EventReader reader({folder.write("request.csv", request)}, options.source, pipeline.columns(),
                             events::RowKind::kHistory);
  events::EventTable table;
  ASSERT_TRUE(reader.next(table));
  ASSERT_EQ(static_cast<std::int64_t>(table.n_rows), dataset.n_events());
  std::vector<std::uint8_t> starts(table.n_rows);
  starts[0] = 1;
  const auto made = pipeline.apply(table, starts);
  for (std::size_t i = 0; i < table.n_rows; ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(made[0].values[i]),
              std::bit_cast<std::uint32_t>(dataset.features()[0].values[i]));
    ASSERT_EQ(made[1].codes[i], dataset.features()[1].codes[i]);
  }
}

TEST(Prepare, DoesNothingWhenNothingChanged) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  const auto first = prepare(options, 2);
  const auto written = std::filesystem::last_write_time(folder / "prepared/manifest.json");
  EXPECT_EQ(prepare(options, 2).dump(), first.dump());
  EXPECT_EQ(std::filesystem::last_write_time(folder / "prepared/manifest.json"), written);
  options.min_item_count = 2;
  EXPECT_NE(prepare(options, 2).at("fingerprint"), first.at("fingerprint"));
  planted_options(folder, std::string(kPlantedEvents) + "d,5,2,1,it\n");
  EXPECT_EQ(prepare(options, 2).at("counts").at("events_read"), 11);
  std::filesystem::resize_file(folder / "prepared/events.arrow", 100);
  EXPECT_EQ(prepare(options, 2).at("counts").at("events_read"), 11);
  EXPECT_NO_THROW(Dataset::open(options.prepared));
}

TEST(Prepare, LeavesNothingHalfWritten) {
  const ScratchFolder folder;
  auto options = planted_options(folder, std::string(kPlantedEvents) + "d,5,soon,1,it\n");
  EXPECT_THAT(message_of<DataError>([&] { prepare(options, 2); }),
              AllOf(HasSubstr("events.csv, row 11 (line 12), column 'time'"), HasSubstr("'soon'")));
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "")) left.push_back(entry.path().filename());
  EXPECT_THAT(left, ElementsAre("events.csv"));
  options.source.on_bad_row = events::OnBadRow::kSkip;
  EXPECT_EQ(prepare(options, 2).at("skipped_rows").at("n"), 1);
}

TEST(Prepare, KeepsStringIdsThatLookLikeNumbers) {
  const ScratchFolder folder;
  auto options = planted_options(folder, "user,item,time,price,country\nu,007,1,1,it\nu,08,2,1,it\n");
  options.validation_fraction = options.test_fraction = 0;
  prepare(options, 1);
  EXPECT_EQ(Dataset::open(options.prepared).items().to_text(), "\"007\"\n\"08\"\n");
}

TEST(Prepare, KeepsRewardsOfEveryEventAsTheyAre) {
  const ScratchFolder folder;
  auto options = planted_options(folder);
  prepare(options, 2);
  const auto without = Dataset::open(options.prepared);
  EXPECT_TRUE(without.rewards().empty());
  options.source.reward_column = "price";  // which is a feature too
  const auto manifest = prepare(options, 2);
  const auto dataset = Dataset::open(options.prepared);
  EXPECT_EQ(manifest.at("version"), 1);
  EXPECT_NE(dataset.fingerprint(), without.fingerprint());
  ASSERT_EQ(dataset.rewards().size(), static_cast<std::size_t>(dataset.n_events()));
  // Sequence b: 7 at 20 (2), 5 at 15 (4), 9 at 50 (8), in the order of time.
  for (std::int64_t s = 0; s < dataset.n_sequences(); ++s) {
    if (dataset.sequence_id(s) != "b") continue;
    const auto begin = static_cast<std::size_t>(dataset.bounds(s).begin);
    EXPECT_THAT(dataset.rewards().subspan(begin, 3), ElementsAre(4.0F, 2.0F, 8.0F));
  }
  options.events = {folder.write("events.csv", std::string(kPlantedEvents) + "c,5,80,-1,it\n").string()};
  EXPECT_THAT(message_of<DataError>([&] { prepare(options, 1); }),
              AllOf(HasSubstr("row 11 (line 12), column 'price'"), HasSubstr("'-1'; expected a finite number >= 0")));
  options.source.on_bad_row = events::OnBadRow::kSkip;
  EXPECT_EQ(prepare(options, 1).at("skipped_rows").at("n"), 1);
}

TEST(Prepare, RefusesWrongUse) {
  const ScratchFolder folder;
  auto options = planted_options(folder, "user,item,time,price,country\n");
  EXPECT_THAT(message_of<DataError>([&] { prepare(options, 1); }), HasSubstr("no events to prepare"));
  options.test_events = options.events;
  EXPECT_THAT(message_of<ConfigError>([&] { prepare(options, 1); }), HasSubstr("belong to data.split.kind: files"));
  options.split = SplitKind::kFiles;
  EXPECT_THAT(message_of<ConfigError>([&] { prepare(options, 1); }), HasSubstr("is named for two parts"));
  options.events = {(folder / "none*.csv").string()};
  EXPECT_THAT(message_of<DataError>([&] { prepare(options, 1); }), HasSubstr("no file matches"));
}

}  // namespace
}  // namespace segue
