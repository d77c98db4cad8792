#include "kernels/cpu/best_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace segue::kernels::cpu {
namespace {

constexpr std::size_t kShort = 3;  // kept in order
constexpr std::size_t kLong = 40;  // kept in a buffer that is cut again and again

/// Keys of 1,000 rows with scores out of 0 .. 99, so that ten rows share each.
std::vector<SortableKey> keys_with_ties() {
  std::vector<SortableKey> keys;
  for (std::uint32_t row = 0; row < 1000; ++row) keys.push_back(make_key(static_cast<float>(row * 37 % 100), row));
  return keys;
}

TEST(BestKeys, KeepsTheBestInWhateverOrderTheyCome) {
  for (const std::size_t k : {kShort, kLong}) {
    auto keys = keys_with_ties();
    auto expected = keys;
    std::sort(expected.begin(), expected.end(), std::greater<>());
    for (const char* order : {"as rows rise", "rising", "falling"}) {
      SCOPED_TRACE(std::string(order) + ", k " + std::to_string(k));
      if (order == std::string("rising")) std::sort(keys.begin(), keys.end());
      if (order == std::string("falling")) std::sort(keys.begin(), keys.end(), std::greater<>());
      BestKeys best(static_cast<std::int64_t>(k));
      for (const SortableKey key : keys) best.add(key);
      best.cut();
      EXPECT_EQ(best.threshold(), score_of(expected[k - 1]));
      std::vector<float> scores(k);
      std::vector<std::int32_t> rows(k);
      best.write(scores.data(), rows.data());
      for (std::size_t i = 0; i < k; ++i) {
        EXPECT_EQ(scores[i], score_of(expected[i])) << i;
        EXPECT_EQ(rows[i], row_of(expected[i])) << i;
      }
    }
  }
}

TEST(BestKeys, AShortListKnowsItsThresholdAtOnce) {
  BestKeys best(2);
  best.add(make_key(1, 0));
  EXPECT_EQ(best.threshold(), kMaskedScore);
  best.add(make_key(3, 1));
  EXPECT_EQ(best.threshold(), 1);
  best.add(make_key(2, 2));
  EXPECT_EQ(best.threshold(), 2);
  best.add(make_key(2, 3));  // the lower row stays
  EXPECT_EQ(best.keys(), (std::vector<SortableKey>{make_key(3, 1), make_key(2, 2)}));
}

TEST(BestKeys, MergesTwoHalvesIntoTheWhole) {
  for (const std::size_t k : {kShort, kLong}) {
    BestKeys whole(static_cast<std::int64_t>(k)), left = whole, right = whole;
    const auto keys = keys_with_ties();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      whole.add(keys[i]);
      (i % 2 == 0 ? left : right).add(keys[i]);
    }
    right.merge(left);
    std::vector<float> scores(k), merged_scores(k);
    std::vector<std::int32_t> rows(k), merged_rows(k);
    whole.write(scores.data(), rows.data());
    right.write(merged_scores.data(), merged_rows.data());
    EXPECT_EQ(merged_rows, rows);
    EXPECT_EQ(merged_scores, scores);
  }
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
