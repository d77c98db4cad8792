#include "support/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/storage.h"

namespace segue {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Words, Numbers) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
  EXPECT_EQ(with_thousands(-123456), "-123,456");
}

TEST(Words, Durations) {
  EXPECT_EQ(human_duration(0), "0.0 s");
  EXPECT_EQ(human_duration(12.34), "12.3 s");
  EXPECT_EQ(human_duration(59.96), "1 min 00 s");
  EXPECT_EQ(human_duration(200), "3 min 20 s");
  EXPECT_EQ(human_duration(3720), "1 h 02 min");
}

TEST(Words, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1.2e9), "1.2 GB");
  EXPECT_EQ(human_bytes(999999), "1.0 MB");
}

TEST(Log, QuietKeepsWarningsAndTheFileKeepsAll) {
  const auto path = std::filesystem::temp_directory_path() / ("segue_log_" + std::to_string(::getpid()));
  log_to_file(path.string());
  set_verbosity(Verbosity::kQuiet);
  testing::internal::CaptureStderr();
  log_info("an information");
  log_warning("a danger");
  Progress("reading", 10, "events").advance(10);
  log_debug("a detail");
  const std::string shown = testing::internal::GetCapturedStderr();
  set_verbosity(Verbosity::kNormal);
  log_to_file("");
  EXPECT_THAT(shown,
              testing::AllOf(HasSubstr("warning: a danger"), Not(HasSubstr("information")), Not(HasSubstr("reading"))));
  const std::string kept = storage::read_file(path);
  EXPECT_THAT(kept,
              testing::AllOf(HasSubstr("an information"), HasSubstr("warning: a danger"), Not(HasSubstr("detail"))));
  std::filesystem::remove(path);
}

TEST(Progress, EndsInOneLineWithCountAndRate) {
  testing::internal::CaptureStderr();
  {
    Progress progress("reading", 20000, "events");
    progress.advance(12345, "loss 4.31");
    progress.finish();
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_THAT(shown,
              testing::AllOf(HasSubstr("reading: 12,345 events"), HasSubstr("events/s"), HasSubstr("loss 4.31")));
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 1);
}

}  // namespace
}  // namespace segue
