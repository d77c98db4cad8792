#include "dataset/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "support/errors.h"
#include "tests/dataset/planted_events.h"
#include "tests/events/reading.h"

namespace segue {
namespace {

using events::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::string fault_of(const ScratchFolder& folder, bool verify = true) {
  return message_of<DataError>([&] { Dataset::open(folder / "prepared", verify); });
}

TEST(Dataset, NamesDamageInEveryFile) {
  for (const std::string name : {"events.arrow", "sequences.arrow", "items.arrow", "items.txt", "features.json"}) {
    const ScratchFolder folder;
    prepare(planted_options(folder), 1);
    const auto path = folder / ("prepared/" + name);
    const auto whole = storage::read_file(path);
    auto damaged = whole;
    damaged[damaged.size() / 2] ^= 1;
    folder.write("prepared/" + name, damaged);
    EXPECT_THAT(fault_of(folder),
                testing::AllOf(HasSubstr(name), HasSubstr("damaged"), HasSubstr("prepare the data again")));
    folder.write("prepared/" + name, std::string_view(whole).substr(0, whole.size() - 1));
    EXPECT_THAT(fault_of(folder, false), testing::AllOf(HasSubstr(name), HasSubstr("truncated")));
    std::filesystem::remove(path);
    EXPECT_THAT(fault_of(folder, false), testing::AllOf(HasSubstr(name), HasSubstr("missing")));
  }
}

TEST(Dataset, RefusesNewerForeignAndAbsentManifests) {
  const ScratchFolder folder;
  EXPECT_THAT(fault_of(folder), HasSubstr("segue prepare"));
  prepare(planted_options(folder), 1);
  auto manifest = read_json(folder / "prepared/manifest.json");
  manifest["version"] = 99;
  write_json(folder / "prepared/manifest.json", manifest);
  EXPECT_THAT(fault_of(folder), HasSubstr("newer"));
  manifest["format"] = "something else";
  write_json(folder / "prepared/manifest.json", manifest);
  EXPECT_NE(fault_of(folder), "");
  folder.write("prepared/manifest.json", "{\"format\": \"segue da");
  EXPECT_NE(fault_of(folder), "");
  folder.write("prepared/manifest.json", "{\"format\": \"segue dataset\", \"version\": 1}");
  EXPECT_THAT(fault_of(folder), HasSubstr("files"));
}

EventsInMemory two_sequences() {
  EventsInMemory events;
  events.n_items = 3;
  events.begins = {0, 3, 5};
  events.train_ends = {2, 3};
  events.valid_ends = {3, 4};
  events.item_rows = {2, 0, 1, 2, 7};
  return events;
}

TEST(Dataset, InMemoryIsAsOneFromFiles) {
  const auto dataset = Dataset::in_memory(two_sequences());
  EXPECT_EQ(dataset.n_items(), 3);
  EXPECT_EQ(dataset.n_sequences(), 2);
  EXPECT_EQ(dataset.n_events(), 5);
  EXPECT_THAT(dataset.item_rows(), ElementsAre(2, 0, 1, 2, 3));
  EXPECT_THAT(dataset.item_counts(), ElementsAre(1, 0, 1));
  EXPECT_EQ(dataset.sequence_id(1), "1");
  EXPECT_EQ(dataset.items().find("2"), 2);
  EXPECT_TRUE(dataset.times_ms().empty());
  EXPECT_EQ(dataset.bounds(1).valid_end, 4);
  EXPECT_EQ(dataset.fingerprint(), Dataset::in_memory(two_sequences()).fingerprint());
  auto other = two_sequences();
  other.item_rows[0] = 1;
  EXPECT_NE(dataset.fingerprint(), Dataset::in_memory(other).fingerprint());
}

TEST(Dataset, InMemoryRefusesBoundsThatDoNotFit) {
  auto events = two_sequences();
  events.train_ends[0] = 4;
  EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);
  events = two_sequences();
  events.begins.back() = 4;
  EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);
  events = two_sequences();
  events.valid_ends.pop_back();
  EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);
  events = two_sequences();
  events.item_rows[1] = -1;
  EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);
  for (const float reward : {-1.0F, std::numeric_limits<float>::infinity()}) {
    events = two_sequences();
    events.rewards = {0, 1, reward, 3, 4};
    EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);
  }
  events = two_sequences();
  events.rewards = {0, 1};
  EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);
  events.rewards = {0, 1, 2, 3, 4};
  EXPECT_THAT(Dataset::in_memory(events).rewards(), ElementsAre(0, 1, 2, 3, 4));
  events.available_from_ms = events.available_until_ms = {1, 2, 3};
  EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);  // without times
  events.times_ms = {1, 2, 3, 4, 5};
  EXPECT_THAT(Dataset::in_memory(events).available_until_ms(), ElementsAre(1, 2, 3));
  events.available_from_ms.pop_back();
  EXPECT_THROW(Dataset::in_memory(events), std::invalid_argument);
}

}  // namespace
}  // namespace segue
