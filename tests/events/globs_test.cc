#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/errors.h"
#include "tests/events/reading.h"
#include "tests/events/scratch_folder.h"

namespace segue::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ExpandGlobs, SortsWithinAGlobAndTakesEachFileOnce) {
  const ScratchFolder folder;
  for (const auto* name : {"day=2/b.csv", "day=1/a.csv", "day=1/deep/c.csv", "x[1].csv", "note.txt"})
    folder.write(name, "x");
  const auto at = [&](const std::string& name) { return (folder / name).string(); };
  EXPECT_THAT(expand_globs({at("day=?/*.csv"), at("**/*.csv")}),
              ElementsAre(at("day=1/a.csv"), at("day=2/b.csv"), at("day=1/deep/c.csv"), at("x[1].csv")));
  EXPECT_THAT(expand_globs({at("x[1].csv")}), ElementsAre(at("x[1].csv")));
  EXPECT_THAT(expand_globs({at("day=[2-9]/*")}), ElementsAre(at("day=2/b.csv")));
  EXPECT_THAT(message_of<DataError>([&] { expand_globs({at("*.parquet")}); }), HasSubstr("no file matches"));
}

TEST(ExpandGlobs, ReplacesVariables) {
  const ScratchFolder folder;
  folder.write("a.csv", "x");
  ::setenv("SEGUE_TEST_FOLDER", (folder / "").c_str(), 1);
  EXPECT_EQ(expand_globs({"${SEGUE_TEST_FOLDER}/a.csv"}).size(), 1U);
  ::unsetenv("SEGUE_TEST_FOLDER");
  EXPECT_THAT(message_of<ConfigError>([&] { expand_globs({"${SEGUE_TEST_FOLDER}/a.csv"}); }),
              HasSubstr("SEGUE_TEST_FOLDER is not set"));
}

}  // namespace
}  // namespace segue::events
