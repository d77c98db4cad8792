#include "tuning/tune_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/errors.h"

namespace segue::tuning {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TuneOptions read(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  config::Document document = config::Document::parse(yaml, "c.yaml", overrides);
  config::Section root = document.root();
  config::Section section = root.unkept_section("tune", "what is searched");
  TuneOptions options;
  options.seed = 9;
  options.metric = "mrr@20";
  options.read(section);
  document.finish();
  EXPECT_THAT(document.resolved(), testing::Not(HasSubstr("tune")));
  return options;
}

/// What is said of a search for model.l2.
std::string error_of(const std::string& choices) {
  try {
    read("tune:\n  search:\n    model.l2: " + choices + "\n");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

TEST(TuneOptions, ReadsRangesAndValues) {
  const TuneOptions options = read(R"(tune:
  trials: 50
  search:
    training.learning_rate: {low: 1e-4, high: 1e-2, scale: log}
    model.dim: {low: 8, high: 64, integer: true}
    model.kind: {values: [ease, true, 3]}
)");
  EXPECT_EQ(options.trials, 50);
  EXPECT_EQ(options.seed, 9U) << "that of the configuration";
  EXPECT_EQ(options.metric, "mrr@20") << "that of the training";
  ASSERT_EQ(options.search.size(), 3U);
  EXPECT_EQ(options.search[0].key, "model.dim") << "in the order of keys, not of the file";
  EXPECT_EQ(options.search[2].place, "c.yaml:4:29");
  EXPECT_EQ(options.search_json().dump(),
            R"({"model.dim":{"low":8.0,"high":64.0,"scale":"linear","integer":true},)"
            R"("model.kind":{"values":["ease","true","3"]},)"
            R"("training.learning_rate":{"low":0.0001,"high":0.01,"scale":"log","integer":false}})");
}

TEST(TuneOptions, AnAbsentSectionSearchesNothing) {
  EXPECT_TRUE(read("{}").search.empty());
  EXPECT_EQ(read("{}", {"tune.trials=3"}).trials, 3);
  EXPECT_EQ(read("{}", {"tune.search={model.l2: {low: 1, high: 2}}"}).search.size(), 1U);
}

TEST(TuneOptions, NamesLineAndKeyOfWhatCannotBeDrawn) {
  EXPECT_THAT(error_of("{low: 3, high: 2}"),
              AllOf(HasSubstr("c.yaml:3:"), HasSubstr("tune.search.model.l2.low: above")));
  EXPECT_THAT(error_of("{low: 0, high: 2, scale: log}"), HasSubstr("tune.search.model.l2.low: scale log needs"));
  EXPECT_THAT(error_of("{low: -1, high: 2, scale: log}"), HasSubstr("tune.search.model.l2.low: scale log needs"));
  EXPECT_THAT(error_of("{low: 1, high: .inf}"), HasSubstr("tune.search.model.l2.high: a range needs an end"));
  EXPECT_THAT(error_of("{low: 1.5, high: 2, integer: true}"), HasSubstr("tune.search.model.l2.low: integer is true"));
  EXPECT_THAT(error_of("{values: []}"), AllOf(HasSubstr("c.yaml:3:"), HasSubstr("model.l2.values: an empty list")));
  EXPECT_THAT(error_of("{values: [1], low: 1}"),
              HasSubstr("tune.search.model.l2.low: a key is searched in a range or"));
  EXPECT_THAT(error_of("{values: [1], integer: true}"), HasSubstr("tune.search.model.l2.integer: a key is"));
  EXPECT_THAT(error_of("{low: 1}"), HasSubstr("tune.search.model.l2.high: missing"));
  EXPECT_THAT(error_of("{lowest: 1, high: 2}"), HasSubstr("unknown key 'tune.search.model.l2.lowest'"));
  EXPECT_THAT(error_of("{low: 1, high: 2, scale: sqrt}"), HasSubstr("none of linear, log"));
  EXPECT_THAT(error_of("5"), HasSubstr("tune.search.model.l2: expected a mapping"));
  EXPECT_THAT(error_of("[1, 2]"), HasSubstr("c.yaml:3:15: tune.search.model.l2: expected a mapping"));
}

}  // namespace
}  // namespace segue::tuning
