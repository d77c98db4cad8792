#include "recommend/similar_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collaborative/neighbour_filter.h"
#include "support/random.h"

namespace segue::recommend {
namespace {

using ::testing::ElementsAre;

BundleModel model_of(std::int32_t n_items) {
  BundleModel model;
  for (std::int32_t i = 0; i < n_items; ++i) model.bundle.items.add("item " + std::to_string(i));
  return model;
}

/// Enough items that the scan of the int8 copy serves, in a hundred directions.
BundleModel many_vectors(std::int32_t n_items, std::int64_t dim) {
  auto model = model_of(n_items);
  Random random(3);
  std::vector<float> centres(static_cast<std::size_t>(100 * dim));
  for (auto& number : centres) number = static_cast<float>(random.normal());
  for (std::int32_t i = 0; i < n_items; ++i) {
    for (std::int64_t d = 0; d < dim; ++d) {
      const float centre = centres[static_cast<std::size_t>((i % 100) * dim + d)];
      model.item_vectors.push_back(centre + static_cast<float>(0.01 * random.normal()));
    }
  }
  return model;
}

TEST(SimilarItems, AreByCosineWhateverTheLengths) {
  auto model = model_of(4);
  model.item_vectors = {1, 0, 10, 1, 3, 3, -1, 0};
  const Lists lists = SimilarItems(model, 2, 1).of(0, 4);
  EXPECT_THAT(lists.items, ElementsAre(1, 2, 0, 2, 1, 0, 2, 1));
  EXPECT_NEAR(lists.scores[0], 0.995037, 1e-6);
  EXPECT_NEAR(lists.scores[1], 0.707107, 1e-6);
}

TEST(SimilarItems, ListsEndWhereNoOtherItemIsLeft) {
  auto model = model_of(2);
  model.item_vectors = {1, 0, 1, 0};
  EXPECT_THAT(SimilarItems(model, 3, 1).of(0, 2).items, ElementsAre(1, kNoItem, kNoItem, 0, kNoItem, kNoItem));
}

TEST(SimilarItems, DependNeitherOnThreadsNorOnRanges) {
  const auto model = many_vectors(kernels::kLeastInt8Items + 100, 8);
  const SimilarItems alone(model, 5, 1), together(model, 5, 3);
  const Lists some = alone.of(1000, 200);
  for (std::int32_t i = 0; i < 200; ++i) {
    for (std::size_t place = 0; place < 5; ++place) {
      const auto other = some.items[static_cast<std::size_t>(i) * 5 + place];
      EXPECT_NE(other, 1000 + i);
      EXPECT_EQ(other % 100, i % 100);
    }
  }
  EXPECT_EQ(together.of(1000, 200).items, some.items);
  EXPECT_EQ(together.of(1000, 200).scores, some.scores);
  const Lists part = alone.of(1150, 50);
  EXPECT_EQ(part.items, std::vector<std::int32_t>(some.items.begin() + 150 * 5, some.items.end()));
}

TEST(SimilarItems, OfAFilterAreByItsPositiveWeights) {
  using collaborative::Neighbour;
  const std::vector<std::vector<Neighbour>> rows = {
      {{1, 0.5F}, {2, -3.0F}, {3, 0.5F}, {4, 2.0F}}, {{0, 1.0F}}, {}, {{2, -1.0F}}, {{1, 0.25F}, {3, 1.0F}}};
  auto model = model_of(5);
  model.model.filter = std::make_unique<collaborative::NeighbourFilter>(
      collaborative::FilterOptions("ease"), 5, 0.0,
      collaborative::NeighbourRows::make(
          5, 1, [](std::int64_t) { return 1.0; },
          [&] {
            return [&](ItemRow item, std::vector<Neighbour>& row) { row = rows[static_cast<std::size_t>(item)]; };
          }));
  ASSERT_TRUE(SimilarItems::are_known_to(model));
  const SimilarItems similar(model, 2, 1);
  const Lists lists = similar.of(0, 5);
  EXPECT_THAT(lists.items, ElementsAre(4, 1, 0, kNoItem, kNoItem, kNoItem, kNoItem, kNoItem, 3, 1));
  EXPECT_THAT(std::vector<float>(lists.scores.begin(), lists.scores.begin() + 3), ElementsAre(2.0F, 0.5F, 1.0F));
  EXPECT_THAT(similar.of(4, 1).items, ElementsAre(3, 1));
}

}  // namespace
}  // namespace segue::recommend
