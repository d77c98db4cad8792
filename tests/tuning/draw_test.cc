#include "tuning/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

namespace segue::tuning {
namespace {

using testing::ElementsAre;
using testing::Pair;

const std::vector<SearchedKey> kSearch = {
    {.key = "model.dim", .choices = Range{.low = 8, .high = 64, .integer = true}, .place = ""},
    {.key = "model.loss", .choices = std::vector<std::string>{"a", "b", "c"}, .place = ""},
    {.key = "training.dropout", .choices = Range{.low = 0, .high = 0.5}, .place = ""},
    {.key = "training.learning_rate", .choices = Range{.low = 1e-4, .high = 0.1, .scale = Scale::kLog}, .place = ""}};

std::vector<double> numbers(const Range& range, std::int64_t n_trials) {
  std::vector<double> drawn;
  for (std::int64_t trial = 2; trial < 2 + n_trials; ++trial)
    drawn.push_back(
        std::strtod(draw({{.key = "k", .choices = range, .place = ""}}, 5, trial)[0].second.c_str(), nullptr));
  return drawn;
}

// Computed by the same reference of the generator, in Python, as the values of support/random_test.cc.
TEST(Draw, GivesTheValuesOfTheReference) {
  EXPECT_THAT(draw(kSearch, 42, 2),
              ElementsAre(Pair("model.dim", "18"), Pair("model.loss", "a"), Pair("training.dropout", "0.352351"),
                          Pair("training.learning_rate", "0.00131832")));
  EXPECT_THAT(draw(kSearch, 42, 20),
              ElementsAre(Pair("model.dim", "35"), Pair("model.loss", "c"), Pair("training.dropout", "0.116232"),
                          Pair("training.learning_rate", "0.0734629")));
  EXPECT_THAT(draw(kSearch, 7, 2),
              ElementsAre(Pair("model.dim", "11"), Pair("model.loss", "b"), Pair("training.dropout", "0.49492"),
                          Pair("training.learning_rate", "0.0232139")));
}

TEST(Draw, DependsOnSeedAndNumberAlone) {
  std::map<std::int64_t, Values> forwards;
  for (std::int64_t trial = 2; trial < 12; ++trial) forwards[trial] = draw(kSearch, 42, trial);
  for (std::int64_t trial = 11; trial >= 2; --trial) EXPECT_EQ(draw(kSearch, 42, trial), forwards[trial]);
  EXPECT_NE(forwards[2], forwards[3]);
  EXPECT_NE(draw(kSearch, 43, 2), forwards[2]);
}

TEST(Draw, ALogScaleIsEvenOverDecades) {
  std::map<int, int> counts;
  for (const double number : numbers({.low = 1e-4, .high = 1, .scale = Scale::kLog}, 8000))
    ++counts[static_cast<int>(std::floor(std::log10(number)))];
  ASSERT_EQ(counts.size(), 4U);
  for (const auto& [decade, n] : counts) EXPECT_NEAR(n, 2000, 200) << decade;  // 5 standard deviations
}

TEST(Draw, ALinearScaleIsEvenOverNumbers) {
  int below = 0;
  for (const double number : numbers({.low = -3, .high = 1}, 8000)) {
    EXPECT_GE(number, -3);
    EXPECT_LE(number, 1);
    below += number < -2;
  }
  EXPECT_NEAR(below, 2000, 200);
}

TEST(Draw, WholeNumbersComeWithBothEnds) {
  for (const Scale scale : {Scale::kLinear, Scale::kLog}) {
    std::map<double, int> counts;
    for (const double number : numbers({.low = 2, .high = 5, .scale = scale, .integer = true}, 4000)) ++counts[number];
    ASSERT_EQ(counts.size(), 4U);
    EXPECT_EQ(counts.begin()->first, 2);
    EXPECT_EQ(counts.rbegin()->first, 5);
    if (scale == Scale::kLinear)
      for (const auto& [number, n] : counts) EXPECT_NEAR(n, 1000, 140) << number;
    else  // k takes [k, k + 1) of the logarithm
      for (const auto& [number, n] : counts) EXPECT_NEAR(n, 4000 * std::log((number + 1) / number) / std::log(3), 160);
  }
  EXPECT_THAT(numbers({.low = 7, .high = 7, .scale = Scale::kLog, .integer = true}, 3), ElementsAre(7, 7, 7));
  EXPECT_THAT(numbers({.low = 0.1, .high = 0.1}, 2), ElementsAre(0.1, 0.1));
}

TEST(Draw, ARoundedNumberStaysInItsRange) {
  for (const double number : numbers({.low = 0.12345678, .high = 0.12345679}, 50)) {
    EXPECT_GE(number, 0.12345678);
    EXPECT_LE(number, 0.12345679);
  }
}

TEST(Draw, LargeWholeNumbersAreWrittenInFull) {
  EXPECT_THAT(extremes({.key = "k", .choices = Range{.low = 1, .high = 1e6, .integer = true}, .place = ""}),
              ElementsAre("1", "1000000"));
  EXPECT_THAT(extremes(kSearch[1]), ElementsAre("a", "b", "c"));
}

TEST(Values, AsJsonKeepNumbersAndTruth) {
  EXPECT_EQ(to_json({{"a", "12"}, {"b", "1e-3"}, {"c", "true"}, {"d", "adamw"}, {"e", "007"}}).dump(),
            R"({"a":12,"b":0.001,"c":true,"d":"adamw","e":"007"})");
}

TEST(FlatValues, NamesEverySingleValue) {
  EXPECT_THAT(flat_values("seed: 3\nmodel: {kind: ease, l2: 5}\nlist: [x, {y: z}]\n"),
              ElementsAre(Pair("seed", "3"), Pair("model.kind", "ease"), Pair("model.l2", "5"), Pair("list.0", "x"),
                          Pair("list.1.y", "z")));
}

}  // namespace
}  // namespace segue::tuning
