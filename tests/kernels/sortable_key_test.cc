#include "kernels/sortable_key.h"

#include <gtest/gtest.h>

#include <limits>

namespace segue::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(SortableKey, OrdersScoresThenRows) {
  const float rising[] = {std::numeric_limits<float>::lowest(), -1.5F,    -1e-40F, 0.0F, 1e-40F, 1.0F, 1.5F,
                          std::numeric_limits<float>::max(),    kInfinity};
  for (std::size_t i = 1; i < std::size(rising); ++i) {
    EXPECT_GT(make_key(rising[i], 7), make_key(rising[i - 1], 0)) << rising[i];
  }
  EXPECT_GT(make_key(1.0F, 3), make_key(1.0F, 4));
  EXPECT_GT(make_key(std::numeric_limits<float>::lowest(), 0x7FFF'FFFEU), kEmptyKey);
}

TEST(SortableKey, ZeroesAreOne) { EXPECT_EQ(make_key(0.0F, 5), make_key(-0.0F, 5)); }

TEST(SortableKey, NothingStandsForNanAndNegativeInfinity) {
  EXPECT_EQ(make_key(kNan, 0), kEmptyKey);
  EXPECT_EQ(make_key(-kNan, 0), kEmptyKey);
  EXPECT_EQ(make_key(-kInfinity, 0), kEmptyKey);
  EXPECT_EQ(score_of(kEmptyKey), -kInfinity);
  EXPECT_EQ(row_of(kEmptyKey), kNoItemRow);
}

TEST(SortableKey, GivesBackScoreAndRow) {
  for (const float score : {-3.25F, -1e-45F, 0.0F, 1e-45F, 2.0F, kInfinity}) {
    for (const std::uint32_t row : {0U, 1U, 0x7FFF'FFFEU}) {
      EXPECT_EQ(score_of(make_key(score, row)), score);
      EXPECT_EQ(row_of(make_key(score, row)), static_cast<std::int32_t>(row));
    }
  }
}

TEST(SortableKey, BitsetAllows) {
  const std::uint32_t words[] = {0x8000'0001U, 0x2U};
  EXPECT_TRUE(is_allowed(nullptr, 12345));
  EXPECT_TRUE(is_allowed(words, 0));
  EXPECT_FALSE(is_allowed(words, 1));
  EXPECT_TRUE(is_allowed(words, 31));
  EXPECT_FALSE(is_allowed(words, 32));
  EXPECT_TRUE(is_allowed(words, 33));
}

}  // namespace
}  // namespace segue::kernels
