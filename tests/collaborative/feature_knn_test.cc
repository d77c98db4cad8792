// Golden values: Python, in double.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "collaborative/item_terms.h"
#include "support/errors.h"
#include "tests/collaborative/small_world.h"
#include "tests/dataset/planted_events.h"
#include "tests/events/reading.h"

namespace segue::collaborative {
namespace {

using events::message_of;
using testing::AllOf;
using testing::HasSubstr;

/// Two categories of two codes each and a number, of six items and the unknown one.
class Terms : public testing::Test {
 protected:
  static MappedFeature feature(std::span<const std::int32_t> codes) {
    return {{.name = "size", .n_codes = 3}, codes, {}};
  }
  const std::vector<std::int32_t> kColours = {1, 1, 2, 2, 0, 1, 0}, kSizes = {1, 2, 1, 0, 0, 2, 0};
  const std::vector<float> kPrices = {0.5F, -1, 0, 2, 0, 0.25F, 0};
  const std::vector<MappedFeature> features_ = {
      feature(kColours), feature(kSizes), {{.name = "price", .categorical = false}, {}, kPrices}};
  const ItemTerms terms_{features_, 6};
};

TEST_F(Terms, HaveLengthOne) {
  for (ItemRow item = 0; item < 6; ++item) {
    double squares = 0;
    for (const auto& term : terms_.terms_of(item)) squares += static_cast<double>(term.weight) * term.weight;
    for (std::size_t n = 0; n < terms_.n_numbers(); ++n) {
      const double value = terms_.numbers(n)[static_cast<std::size_t>(item)];
      squares += value * value;
    }
    EXPECT_NEAR(squares, item == 4 ? 0 : 1, 1e-6) << item;  // of item 4 nothing is known
  }
}

TEST_F(Terms, ListItemsByTerm) {
  // Terms 0 and 1 are colours, 2 and 3 sizes.
  const std::vector<std::vector<ItemRow>> expected = {{0, 1, 5}, {2, 3}, {0, 2}, {1, 5}};
  for (std::size_t term = 0; term < expected.size(); ++term) {
    std::vector<ItemRow> items;
    for (const auto& posting : terms_.items_with(static_cast<std::int32_t>(term))) items.push_back(posting.item);
    EXPECT_EQ(items, expected[term]);
  }
}

TEST_F(Terms, GiveCosines) {
  const std::vector<std::vector<double>> expected = {{1, -0.00856650394, 0.558109719, 0.314846211, 0, 0.328824157},
                                                     {-0.00856650394, 1, 0, -0.534653014, 0, 0.662834432},
                                                     {0.558109719, 0, 1, 0.340437815, 0, 0}};
  for (ItemRow item = 0; item < 3; ++item) {
    std::vector<double> cosines(6);
    for (const auto& term : terms_.terms_of(item)) {
      for (const auto& posting : terms_.items_with(term.term))
        cosines[static_cast<std::size_t>(posting.item)] += static_cast<double>(term.weight) * posting.weight;
    }
    for (std::size_t j = 0; j < 6; ++j) {
      cosines[j] += static_cast<double>(terms_.numbers(0)[static_cast<std::size_t>(item)]) * terms_.numbers(0)[j];
      EXPECT_NEAR(cosines[j], expected[static_cast<std::size_t>(item)][j], 1e-6) << item << " " << j;
    }
  }
}

TEST(ItemTerms, WhatAllShareSaysNothing) {
  const std::vector<std::int32_t> codes = {1, 1, 0};
  const std::vector<MappedFeature> features = {{{.name = "size", .n_codes = 2}, codes, {}}};
  const ItemTerms terms(features, 2);
  EXPECT_TRUE(terms.terms_of(0).empty());
  EXPECT_TRUE(terms.items_with(0).empty());
}

TEST(FeatureKnn, LearnsFromTheFilesOfItems) {
  const ScratchFolder folder;
  // Everything is of the training part. Rows in the order of first appearance: 7 5 9 11.
  auto options =
      planted_options(folder, "user,item,time,price,country\na,7,1,1,de\na,5,2,1,de\na,9,3,1,de\na,11,4,1,de\n");
  options.split = SplitKind::kTime;
  options.test_from = options.validation_from = "1000";
  options.items.files = {
      folder.write("items.csv", "id,genre,year\n7,Comedy,1990\n5,Drama,1994\n9,Comedy,1990\n11,Drama,1990\n").string()};
  options.items.column = "id";
  features::FeatureOptions genre, year;
  genre.name = genre.column = "genre";
  year.name = year.column = "year";
  year.kind = features::FeatureKind::kNumber;
  options.items.features = {genre, year};
  prepare(options, 1);
  const auto dataset = Dataset::open(options.prepared);
  ASSERT_EQ(dataset.items().to_text(), "7\n5\n9\n11\n");
  // ln 2 for a genre; years (mean 1991, deviation sqrt 3) are -1/sqrt 3 and sqrt 3.
  const double square = std::log(2.0) * std::log(2.0);
  const double common = square + 1.0 / 3, late = square + 3;
  const auto filter = fit(FeatureKnnOptions{}, dataset, {});
  const auto of_comedy = scores_of(*filter, {0});
  EXPECT_EQ(of_comedy[0], 0);
  EXPECT_EQ(of_comedy[1], 0);  // below 0: no neighbour
  EXPECT_NEAR(of_comedy[2], 1, 1e-6);
  EXPECT_NEAR(of_comedy[3], (1.0 / 3) / common, 1e-6);
  const auto of_drama = scores_of(*filter, {3});
  EXPECT_EQ(of_drama[1], 0) << (square - 1) / std::sqrt(common * late);
  EXPECT_NEAR(of_drama[0], (1.0 / 3) / common, 1e-6);
  const auto nearest = scores_of(*fit(FeatureKnnOptions{.neighbours = 1}, dataset, {}), {0});
  EXPECT_EQ(nearest, (std::vector<float>{0, 0, of_comedy[2], 0}));
}

TEST(ItemTerms, OfSeveralCodesAreOneTermEach) {
  const std::vector<std::int32_t> codes = {1, 2, 0, 2, 1};
  const std::vector<std::int64_t> offsets = {0, 2, 2, 4, 5, 5};  // items of 2, 0, 2 (one unknown) and 1 codes, no item
  const std::vector<MappedFeature> features = {
      {{.name = "genres", .n_codes = 3, .multiple = true}, codes, {}, offsets}};
  const ItemTerms terms(features, 4);
  const auto terms_of = [&](ItemRow item) {
    std::vector<std::int32_t> numbers;
    for (const auto& term : terms.terms_of(item)) numbers.push_back(term.term);
    return numbers;
  };
  EXPECT_EQ(terms_of(0), (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(terms_of(1), std::vector<std::int32_t>{});
  EXPECT_EQ(terms_of(2), std::vector<std::int32_t>{1});
  EXPECT_EQ(terms_of(3), std::vector<std::int32_t>{0});
  // Both terms weigh ln 2, so those of item 0 are 1/sqrt 2 once its length is 1.
  EXPECT_NEAR(terms.terms_of(0)[0].weight, std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(terms.terms_of(2)[0].weight, 1, 1e-6);
}

TEST(FeatureKnn, WithoutFeaturesSaysWhatToDo) {
  EXPECT_THAT(message_of<ConfigError>([] { small_scores(FeatureKnnOptions{}); }),
              AllOf(HasSubstr("feature_knn"), HasSubstr("data.items")));
}

}  // namespace
}  // namespace segue::collaborative
