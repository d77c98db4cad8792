#include "tuning/search_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "tests/events/scratch_folder.h"

namespace segue::tuning {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Json kIdentity = {
    {"seed", 3}, {"search", {{"model.l2", {{"low", 1}, {"high", 5}}}}}, {"data", {{"fingerprint", "abc"}}}};

TEST(SearchDirectory, HoldsASearchToWhatItWasStartedWith) {
  const ScratchFolder folder;
  const SearchDirectory search{folder / "search"};
  search.claim(false, false);
  search.keep(kIdentity);
  search.claim(true, false);
  EXPECT_NO_THROW(search.keep(kIdentity));

  Json other = kIdentity;
  other["search"]["model.l2"]["high"] = 6;
  EXPECT_THAT([&] { search.keep(other); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("'search.model.l2.high' is 6 now"), HasSubstr("was 5 when"))));
  other = kIdentity;
  other["data"]["fingerprint"] = "abd";
  EXPECT_THAT([&] { search.keep(other); }, ThrowsMessage<DataError>(HasSubstr("'data.fingerprint'")));
  other = kIdentity;
  other["search"]["model.dim"] = {{"values", {"1"}}};
  EXPECT_THAT([&] { search.keep(other); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("'search.model.dim'"), HasSubstr("was not there when"))));
}

TEST(SearchDirectory, IsTakenOnlyWhenAskedTo) {
  const ScratchFolder folder;
  const SearchDirectory search{folder / "search"};
  EXPECT_THAT([&] { search.claim(true, false); }, ThrowsMessage<DataError>(HasSubstr("no search to resume")));
  search.keep(kIdentity);
  EXPECT_THAT([&] { search.claim(false, false); }, ThrowsMessage<UsageError>(HasSubstr("--overwrite")));
  search.claim(false, true);
  EXPECT_FALSE(std::filesystem::exists(search.directory));

  const SearchDirectory other{folder / "other"};
  folder.write("other/thesis.txt", "mine");
  EXPECT_THAT([&] { other.claim(false, true); }, ThrowsMessage<UsageError>(HasSubstr("is no search")));
  EXPECT_TRUE(std::filesystem::exists(other.directory / "thesis.txt"));
}

TEST(SearchDirectory, NumbersItsRuns) {
  const SearchDirectory search{"s"};
  EXPECT_EQ(search.run(1), std::filesystem::path("s/trials/0001"));
  EXPECT_EQ(search.run(12345), std::filesystem::path("s/trials/12345"));
}

}  // namespace
}  // namespace segue::tuning
