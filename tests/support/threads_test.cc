#include "support/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace segue {
namespace {

TEST(ParallelRanges, CoversEveryIndexOnceWithRangesOfTheGrain) {
  for (const int n_threads : {1, 2, 3, 8}) {
    for (const std::int64_t n : {0, 1, 2, 7, 100, 1001}) {
      for (const std::int64_t grain : {0, 1, 10, 5000}) {
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
        std::atomic<bool> good = true;
        parallel_ranges(n, grain, n_threads, [&](std::int64_t begin, std::int64_t end, int worker) {
          if (worker < 0 || worker >= n_threads || begin >= end || (end - begin < grain && end - begin < n))
            good = false;
          for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
        });
        EXPECT_TRUE(good) << n << " " << grain << " " << n_threads;
        for (const auto& count : seen) ASSERT_EQ(count, 1);
      }
    }
  }
}

TEST(ParallelRanges, ExceptionsReachTheCaller) {
  EXPECT_THROW(parallel_ranges(100, 1, 4,
                               [](std::int64_t, std::int64_t, int worker) {
                                 if (worker == 3) throw std::out_of_range("x");
                               }),
               std::out_of_range);
  EXPECT_THROW(parallel_ranges(1, 1, 0, [](std::int64_t, std::int64_t, int) {}), std::invalid_argument);
}

TEST(AvailableThreads, IsPositive) { EXPECT_GE(available_threads(), 1); }

}  // namespace
}  // namespace segue
