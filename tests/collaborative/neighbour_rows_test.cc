#include "collaborative/neighbour_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "collaborative/tensor_values.h"
#include "support/errors.h"
#include "support/random.h"
#include "tests/events/reading.h"
#include "tests/events/scratch_folder.h"

namespace segue::collaborative {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Row = std::vector<Neighbour>;

TEST(KeepLargest, OrdersByWeightThenByRow) {
  Row row = {{1, -3}, {2, 1}, {4, 2}, {7, 2}, {9, 1}};
  std::vector<float> keys;
  auto kept = row;
  keep_largest(kept, 3, Largest::kWeight, keys);
  EXPECT_THAT(kept, ElementsAre(Neighbour{2, 1}, Neighbour{4, 2}, Neighbour{7, 2}));
  kept = row;
  keep_largest(kept, 2, Largest::kMagnitude, keys);
  EXPECT_THAT(kept, ElementsAre(Neighbour{1, -3}, Neighbour{4, 2}));
  kept = row;
  keep_largest(kept, 0, Largest::kWeight, keys);
  EXPECT_EQ(kept.size(), 5U);
  keep_largest(row, 100, Largest::kWeight, keys);
  EXPECT_EQ(row, kept);
}

TEST(KeepLargest, EqualsASort) {
  Random random(7);
  std::vector<float> keys;
  for (int trial = 0; trial < 200; ++trial) {
    Row row;
    for (ItemRow item = 0; item < 30; ++item) row.push_back({item, static_cast<float>(random.below(5)) - 2});
    Row sorted = row;
    std::sort(sorted.begin(), sorted.end(), [](const Neighbour& a, const Neighbour& b) {
      return a.weight != b.weight ? a.weight > b.weight : a.item < b.item;
    });
    sorted.resize(1 + random.below(30));
    keep_largest(row, static_cast<std::int64_t>(sorted.size()), Largest::kWeight, keys);
    std::sort(sorted.begin(), sorted.end(), [](const Neighbour& a, const Neighbour& b) { return a.item < b.item; });
    ASSERT_EQ(row, sorted);
  }
}

NeighbourRows three_rows() {
  const auto worker = []() -> NeighbourRows::MakeRow {
    return [](ItemRow item, Row& row) {
      if (item == 0) row = {{1, 0.5F}, {2, 0.25F}};
      if (item == 2) row = {{0, -1}};
    };
  };
  return NeighbourRows::make(
      3, 2, [](std::int64_t) { return 1.0; }, worker);
}

TEST(NeighbourRows, AddTheRowsOfAHistory) {
  const auto rows = three_rows();
  EXPECT_EQ(rows.n_entries(), 3);
  std::vector<float> scores(3);
  rows.add_to(std::vector<WeightedItem>{{0, 2}, {1, 5}, {2, 1}}, scores);
  EXPECT_THAT(scores, ElementsAre(-1, 1, 0.5F));
}

class NeighbourFile : public testing::Test {
 protected:
  std::string fault(const std::vector<std::int64_t>& offsets, const std::vector<ItemRow>& items,
                    const std::vector<float>& weights) const {
    using model_file::DType;
    const auto path = folder_ / "weights.safetensors";
    const auto extent = [](const auto& values) { return std::vector{static_cast<std::int64_t>(values.size())}; };
    model_file::write_safetensors(path,
                                  {{"neighbours.offsets", tensor_of(DType::kI64, extent(offsets), offsets)},
                                   {"neighbours.items", tensor_of(DType::kI32, extent(items), items)},
                                   {"neighbours.weights", tensor_of(DType::kF32, extent(weights), weights)}},
                                  {});
    const model_file::SafetensorsFile file(path);
    return events::message_of<DataError>([&] { NeighbourRows::load(file, 3); });
  }
  ScratchFolder folder_;
};

TEST_F(NeighbourFile, RefusesWhatIsNotConsistent) {
  EXPECT_EQ(fault({0, 2, 2, 3}, {1, 2, 0}, {1, 1, 1}), "");
  EXPECT_THAT(fault({0, 2, 3}, {1, 2, 0}, {1, 1, 1}), HasSubstr("neighbours.offsets"));
  EXPECT_THAT(fault({1, 2, 2, 3}, {1, 2, 0}, {1, 1, 1}), HasSubstr("does not rise from 0"));
  EXPECT_THAT(fault({0, 3, 2, 3}, {1, 2, 0}, {1, 1, 1}), HasSubstr("does not rise from 0"));
  EXPECT_THAT(fault({0, 2, 2, 4}, {1, 2, 0}, {1, 1, 1}), HasSubstr("neighbours.items"));
  EXPECT_THAT(fault({0, 2, 2, 3}, {1, 2, 0}, {1, 1}), HasSubstr("neighbours.weights"));
  EXPECT_THAT(fault({0, 2, 2, 3}, {1, 3, 0}, {1, 1, 1}), HasSubstr("names item 3"));
  EXPECT_THAT(fault({0, 2, 2, 3}, {1, -1, 0}, {1, 1, 1}), HasSubstr("weights.safetensors"));
}

}  // namespace
}  // namespace segue::collaborative
