#include "dataset/spilled_values.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/random.h"
#include "tests/events/scratch_folder.h"

namespace segue::dataset {
namespace {

TEST(SpilledValues, FindsEveryRankAsSortingDoes) {
  const ScratchFolder folder;
  SpilledValues spilled(folder / "values");
  std::vector<std::int64_t> values = {INT64_MIN, INT64_MAX, 0, -1, 1, 7, 7, 7};
  Random random(11);
  for (int i = 0; i < 70'000; ++i) values.push_back(static_cast<std::int64_t>(random.next()) >> random.below(64));
  for (const auto value : values) spilled.add(value);
  std::sort(values.begin(), values.end());
  for (std::size_t rank = 0; rank < values.size(); rank += 9973) {
    EXPECT_EQ(spilled.at_rank(static_cast<std::int64_t>(rank)), values[rank]);
  }
  EXPECT_EQ(spilled.at_rank(0), INT64_MIN);
  EXPECT_EQ(spilled.at_rank(spilled.size() - 1), INT64_MAX);
  EXPECT_THROW((void)spilled.at_rank(spilled.size()), std::invalid_argument);
}

}  // namespace
}  // namespace segue::dataset
