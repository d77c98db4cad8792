#include "kernels/cpu/best_keys.h"

#include <gtest/gtest.h>

#include <vector>

namespace segue::kernels::cpu {
namespace {

TEST(BestKeys, KeepsTheBestOfRisingScores) {
  BestKeys best(3);  // rising scores cut the buffer again and again
  for (std::uint32_t row = 0; row < 1000; ++row) best.add(make_key(static_cast<float>(row), row));
  EXPECT_GT(best.threshold(), 900.0F);
  std::vector<float> scores(3);
  std::vector<std::int32_t> rows(3);
  best.write(scores.data(), rows.data());
  EXPECT_EQ(scores, (std::vector<float>{999, 998, 997}));
  EXPECT_EQ(rows, (std::vector<std::int32_t>{999, 998, 997}));
}

TEST(BestKeys, MergesByKeyAlone) {
  BestKeys left(2);
  BestKeys right(2);
  left.add(make_key(1.0F, 0));
  left.add(make_key(5.0F, 1));
  right.add(make_key(5.0F, 90));
  right.add(make_key(4.0F, 91));
  right.merge(left);  // the lower row of the two fives must come first, whichever side it came from
  std::vector<float> scores(2);
  std::vector<std::int32_t> rows(2);
  right.write(scores.data(), rows.data());
  EXPECT_EQ(rows, (std::vector<std::int32_t>{1, 90}));
}

TEST(BestKeys, FillsMissingSlots) {
  BestKeys best(4);
  best.add(kEmptyKey);
  best.add(make_key(2.0F, 8));
  std::vector<float> scores(4);
  std::vector<std::int32_t> rows(4);
  best.write(scores.data(), rows.data());
  EXPECT_EQ(rows, (std::vector<std::int32_t>{8, kNoItemRow, kNoItemRow, kNoItemRow}));
  EXPECT_EQ(scores[3], kMaskedScore);
}

}  // namespace
}  // namespace segue::kernels::cpu
