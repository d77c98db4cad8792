#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "tests/events/reading.h"
#include "tests/events/scratch_folder.h"

namespace segue::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SessionLines, NumbersLinesThroughAllFiles) {
  const ScratchFolder folder;
  SourceOptions options;
  options.format = Format::kSessionLines;
  EventReader reader({folder.write("a.txt", "5 6 5\n\n7\n"), folder.write("b.txt", "8,9\t8")}, options, {});
  EXPECT_THAT(rows_of(reader), ElementsAre("1/5", "1/6", "1/5", "3/7", "4/8", "4/9", "4/8"));
  EXPECT_TRUE(reader.sequence_is_integer());
}

TEST(SessionLines, HasNoColumns) {
  SourceOptions options;
  options.format = Format::kSessionLines;
  options.time_column = "time";
  EXPECT_THAT(message_of<ConfigError>([&] { EventReader({}, options, {}); }), HasSubstr("items only"));
}

}  // namespace
}  // namespace segue::events
