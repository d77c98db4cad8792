#include "collaborative/balanced_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace segue::collaborative {
namespace {

using Range = std::pair<std::int64_t, std::int64_t>;

std::vector<Range> ranges_of(const std::vector<double>& costs, int n_threads) {
  std::vector<Range> ranges;
  std::mutex mutex;
  balanced_ranges(
      static_cast<std::int64_t>(costs.size()), n_threads,
      [&](std::int64_t row) { return costs[static_cast<std::size_t>(row)]; },
      [&](std::int64_t begin, std::int64_t end, int worker) {
        EXPECT_LT(worker, n_threads);
        const std::lock_guard lock(mutex);
        ranges.emplace_back(begin, end);
      });
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

TEST(BalancedRanges, CutByCost) {
  EXPECT_EQ(ranges_of({6, 1, 1, 1, 1, 2}, 2), (std::vector<Range>{{0, 1}, {1, 6}}));
  EXPECT_EQ(ranges_of({1, 1, 1, 1}, 2), (std::vector<Range>{{0, 2}, {2, 4}}));
}

TEST(BalancedRanges, CoverAllRowsWhateverTheCosts) {
  for (const auto& costs : {std::vector<double>{0, 0, 0, 0}, {9, 0, 0, 0}, {0, 0, 0, 9}, {1, 2, 3, 4}, {5}, {}}) {
    for (int n_threads = 1; n_threads <= 6; ++n_threads) {
      std::int64_t next = 0;
      for (const auto& [begin, end] : ranges_of(costs, n_threads)) {
        EXPECT_EQ(begin, next);
        EXPECT_LT(begin, end);
        next = end;
      }
      EXPECT_EQ(next, static_cast<std::int64_t>(costs.size()));
    }
  }
}

TEST(BalancedRanges, NeedAThread) { EXPECT_THROW(ranges_of({1}, 0), std::invalid_argument); }

}  // namespace
}  // namespace segue::collaborative
