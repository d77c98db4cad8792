#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/section.h"
#include "support/errors.h"

namespace segue::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Loss { kCrossEntropy, kBprMax };

struct Options {
  double learning_rate = 0.001;
  std::int64_t epochs = 10;
  int threads = 0;
  std::uint64_t seed = 42;
  bool resume = false;
  std::string name = "run";
  Loss loss = Loss::kCrossEntropy;
  std::vector<std::string> metrics = {"ndcg@10", "mrr@20"};
  std::vector<std::int64_t> ks = {5, 10};
  std::vector<std::pair<std::string, std::string>> columns;
  std::vector<std::string> features;

  void read(Document& document) {
    Section root = document.root();
    root.read("seed", seed, {.meaning = "the seed"});
    Section training = root.section("training", "how to train");
    training.read("learning_rate", learning_rate, {.meaning = "step size", .low = 0, .high = 1});
    training.read("epochs", epochs, {.meaning = "passes", .unit = "epochs", .low = 1});
    training.read("threads", threads, {.meaning = "threads"});
    training.read("resume", resume, {.meaning = "go on"});
    training.read("name", name, {.meaning = "a name"});
    training.read_choice("loss", loss, {{"cross_entropy", Loss::kCrossEntropy}, {"bpr_max", Loss::kBprMax}},
                         {.meaning = "the loss"});
    training.read("metrics", metrics, {.meaning = "metrics"});
    training.read("ks", ks, {.meaning = "ranks", .low = 1});
    Section data = root.section("data", "the data");
    columns = data.words("columns", "roles");
    features.clear();
    for (Section& feature : data.list("features", "features")) {
      std::string feature_name, kind = "category";
      feature.read("name", feature_name, {.meaning = "its name", .required = true});
      feature.read("kind", kind, {.meaning = "its kind"});
      features.push_back(feature_name + ":" + kind);
    }
    document.finish();
  }
};

Options read(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  Options options;
  Document document = Document::parse(yaml, "c.yaml", overrides);
  options.read(document);
  return options;
}

std::string error_of(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  try {
    read(yaml, overrides);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

constexpr const char* kWhole = R"(seed: 18446744073709551615
training: {learning_rate: 3e-4, epochs: 3, threads: -2, resume: true, name: "42", loss: bpr_max, metrics: mrr@5, ks: [1, 20]}
data:
  columns: {sequence: trip, item: "3"}
  features:
    - {name: hour}
    - name: country
      kind: number
)";

TEST(Document, ReadsEveryType) {
  const Options o = read(kWhole);
  EXPECT_EQ(o.seed, 18446744073709551615U);
  EXPECT_EQ(o.learning_rate, 3e-4);
  EXPECT_EQ(o.epochs, 3);
  EXPECT_EQ(o.threads, -2);
  EXPECT_TRUE(o.resume);
  EXPECT_EQ(o.name, "42");
  EXPECT_EQ(o.loss, Loss::kBprMax);
  EXPECT_THAT(o.metrics, ElementsAre("mrr@5"));
  EXPECT_THAT(o.ks, ElementsAre(1, 20));
  EXPECT_THAT(o.columns, ElementsAre(testing::Pair("sequence", "trip"), testing::Pair("item", "3")));
  EXPECT_THAT(o.features, ElementsAre("hour:category", "country:number"));
}

TEST(Document, AbsentKeysKeepTheirDefaults) {
  for (const char* yaml : {"", "training:\n", "# nothing\n", "training: {}\ndata:\n"}) {
    const Options o = read(yaml);
    EXPECT_EQ(o.epochs, 10) << yaml;
    EXPECT_THAT(o.metrics, ElementsAre("ndcg@10", "mrr@20"));
  }
}

TEST(Document, UnknownKeyNamesThePlaceAndTheNearest) {
  EXPECT_EQ(error_of("training:\n  epochs: 3\n  learning_rat: 0.1\n"),
            "c.yaml:3:3: unknown key 'training.learning_rat'; did you mean 'learning_rate'?");
  EXPECT_EQ(error_of("trainin:\n  epochs: 3\n"), "c.yaml:1:1: unknown key 'trainin'; did you mean 'training'?");
  EXPECT_EQ(error_of("learning_rate: 3\n"),
            "c.yaml:1:1: unknown key 'learning_rate'; did you mean 'training.learning_rate'?");
  EXPECT_EQ(error_of("zzzzz: 3\n"), "c.yaml:1:1: unknown key 'zzzzz'; known here: seed, training, data");
  EXPECT_THAT(error_of("data:\n  features:\n    - {name: a, sort: b}\n"),
              HasSubstr("c.yaml:3:17: unknown key 'data.features[0].sort'"));
}

TEST(Document, MisspeltRequiredKeyIsUnknownRatherThanMissing) {
  EXPECT_EQ(error_of("data: {features: [{nmae: a}]}"),
            "c.yaml:1:20: unknown key 'data.features[0].nmae'; did you mean 'name'?");
}

TEST(Document, WrongTypesNameThePlaceAndTheValue) {
  EXPECT_EQ(error_of("training:\n  epochs: many\n"),
            "c.yaml:2:11: training.epochs: expected a whole number, got 'many'");
  EXPECT_THAT(error_of("training: {epochs: 1.5}"), HasSubstr("expected a whole number, got '1.5'"));
  EXPECT_THAT(error_of("training: {epochs: 99999999999999999999}"), HasSubstr("beyond what can be stored"));
  EXPECT_THAT(error_of("training: {threads: 3000000000}"), HasSubstr("beyond what can be stored"));
  EXPECT_THAT(error_of("seed: -1"), HasSubstr("c.yaml:1:7: seed: expected a whole number from 0"));
  EXPECT_THAT(error_of("training: {learning_rate: nan}"), HasSubstr("expected a number, got 'nan'"));
  EXPECT_THAT(error_of("training: {learning_rate: 0.1x}"), HasSubstr("expected a number"));
  EXPECT_THAT(error_of("training: {resume: yes}"), HasSubstr("expected true or false, got 'yes'"));
  EXPECT_THAT(error_of("training: {name: [a]}"), HasSubstr("this is a list"));
  EXPECT_THAT(error_of("training: {name: }"), HasSubstr("no value is given"));
  EXPECT_THAT(error_of("training: [1]"), HasSubstr("expected a section"));
  EXPECT_THAT(error_of("training: {metrics: {a: b}}"), HasSubstr("expected a list, this is a mapping"));
  EXPECT_THAT(error_of("training: {ks: [1, x]}"),
              HasSubstr("c.yaml:1:20: training.ks: expected a whole number, got 'x'"));
  EXPECT_THAT(error_of("data: {features: {name: a}}"), HasSubstr("expected a list of mappings"));
  EXPECT_THAT(error_of("data: {features: [a]}"), HasSubstr("data.features[0]: expected a mapping"));
  EXPECT_THAT(error_of("data: {features: [{kind: a}]}"),
              HasSubstr("c.yaml:1:19: data.features[0].name: missing: its name"));
  EXPECT_THAT(error_of("data: {columns: {item: [a]}}"), HasSubstr("data.columns.item: expected a single value"));
}

TEST(Document, RangesAndChoices) {
  EXPECT_EQ(error_of("training: {epochs: 0}"), "c.yaml:1:20: training.epochs: 0 is out of range: at least 1 epochs");
  EXPECT_THAT(error_of("training: {learning_rate: 2}"), HasSubstr("2 is out of range: 0 to 1"));
  EXPECT_THAT(error_of("training: {ks: [1, 0]}"), HasSubstr("0 is out of range"));
  EXPECT_THAT(error_of("training: {loss: crossentropy}"),
              HasSubstr("'crossentropy' is none of cross_entropy, bpr_max; did you mean 'cross_entropy'?"));
}

TEST(Document, NotYaml) {
  EXPECT_THAT(error_of("training: [1, 2\nseed: 3"), HasSubstr("not YAML"));
  EXPECT_THAT(error_of("a: 1\n\tb: 2"), HasSubstr("c.yaml:"));
  EXPECT_EQ(error_of("seed: 1\nseed: 2\n"), "c.yaml:2:1: key 'seed' is given twice");
  EXPECT_THAT(error_of("seed: 1\n---\nseed: 2\n"), HasSubstr("second YAML document"));
  EXPECT_THAT(error_of("- 1\n"), HasSubstr("expected sections"));
  EXPECT_THAT(error_of("just words"), HasSubstr("expected sections"));
  EXPECT_THAT(error_of("? [a]\n: 1\n"), HasSubstr("a key must be a word"));
  EXPECT_THROW(Document::load("/nowhere/c.yaml"), ConfigError);
}

TEST(Document, ResolvedReadsBackTheSame) {
  for (const std::string& yaml :
       {std::string(kWhole), std::string(), std::string("training: {name: 'a: b # \"c\"', metrics: []}"),
        std::string("training: {name: \"\"}\ndata: {columns: {a: '~', b: 'null', c: ' x '}}"),
        std::string("training: {name: 'Zürich\n\n two'}"), std::string("training: {learning_rate: 0.1}")}) {
    Options first, second;
    Document document = Document::parse(yaml, "c.yaml");
    first.read(document);
    const std::string resolved = document.resolved();
    Document again = Document::parse(resolved, "resolved.yaml");
    second.read(again);
    EXPECT_EQ(again.resolved(), resolved);
    EXPECT_EQ(second.name, first.name) << resolved;
    EXPECT_EQ(second.learning_rate, first.learning_rate);
    EXPECT_EQ(second.seed, first.seed);
    EXPECT_EQ(second.metrics, first.metrics);
    EXPECT_EQ(second.ks, first.ks);
    EXPECT_EQ(second.columns, first.columns);
    EXPECT_EQ(second.features, first.features);
    EXPECT_EQ(second.loss, first.loss);
  }
}

TEST(Document, DescribesItsKeys) {
  Options options;
  Document document = Document::describe();
  options.read(document);
  std::vector<std::string> paths;
  for (const KeyInfo& key : document.keys()) paths.push_back(key.path);
  EXPECT_THAT(
      paths, ElementsAre("seed", "training", "training.learning_rate", "training.epochs", "training.threads",
                         "training.resume", "training.name", "training.loss", "training.metrics", "training.ks", "data",
                         "data.columns", "data.features", "data.features[].name", "data.features[].kind"));
  const auto keys = document.keys();
  EXPECT_EQ(keys[2].default_value, "0.001");
  EXPECT_EQ(keys[2].range, "0 to 1");
  EXPECT_EQ(keys[3].unit, "epochs");
  EXPECT_THAT(keys[7].choices, ElementsAre("cross_entropy", "bpr_max"));
  EXPECT_EQ(keys[8].default_value, "[ndcg@10, mrr@20]");
  EXPECT_EQ(keys[13].default_value, "");  // required
}

TEST(Section, FailPointsToTheValue) {
  Document document = Document::parse("data:\n  a: 1\n", "c.yaml", {"data.b=2"});
  Section data = document.root().section("data", "");
  EXPECT_TRUE(data.has("a"));
  EXPECT_FALSE(data.has("c"));
  EXPECT_EQ(data.path(), "data");
  const auto message = [&](const std::string& key) -> std::string {
    try {
      data.fail(key, "no");
    } catch (const ConfigError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(message("a"), "c.yaml:2:6: data.a: no");
  EXPECT_EQ(message("b"), "command line: data.b: no");
  EXPECT_EQ(message("c"), "c.yaml:2:3: data.c: no");
}

TEST(Document, AnOptionalSectionThatIsAbsentStaysAbsent) {
  const auto resolved = [](Document document) {
    Section root = document.root();
    Section index = root.optional_section("index", "how items are searched");
    std::int64_t lists = 3;
    index.read("lists", lists, {.meaning = "how many"});
    document.finish();
    return document.resolved();
  };
  EXPECT_THAT(resolved(Document::parse("{}", "c.yaml")), testing::Not(HasSubstr("index")));
  EXPECT_THAT(resolved(Document::parse("index:", "c.yaml")), HasSubstr("lists: 3"));
  EXPECT_THAT(resolved(Document::parse("{}", "c.yaml", {"index.lists=4"})), HasSubstr("lists: 4"));
  // What it would hold is known all the same.
  EXPECT_THAT([&] { resolved(Document::parse("indx: {}", "c.yaml")); },
              testing::ThrowsMessage<ConfigError>(HasSubstr("did you mean 'index'?")));
  Document described = Document::describe();
  described.root().optional_section("index", "how items are searched");
  EXPECT_EQ(described.keys().size(), 1u);
}

TEST(Document, NamedSectionsHaveTheUsersWordsForKeys) {
  std::vector<std::pair<std::string, double>> weights;
  std::string place;
  const auto read = [&](Document document) {
    weights.clear();
    for (auto& [name, section] : document.root().named_sections("weights", "system", "weights of systems")) {
      weights.emplace_back(name, 0.5);
      section.read("weight", weights.back().second, {.meaning = "how much", .low = 0});
      place = section.place();
    }
    document.finish();
    return document.resolved();
  };
  const std::string resolved = read(Document::parse("weights:\n  a.b: {weight: 2}\n  c: {}\n", "c.yaml"));
  EXPECT_THAT(weights, ElementsAre(testing::Pair("a.b", 2), testing::Pair("c", 0.5)));
  EXPECT_EQ(place, "c.yaml:3:6");
  EXPECT_EQ(read(Document::parse(resolved, "resolved.yaml")), resolved);
  EXPECT_EQ(read(Document::parse("{}", "c.yaml")), "weights: {}\n");
  const auto error_of_yaml = [&](const std::string& yaml) {
    try {
      read(Document::parse(yaml, "c.yaml"));
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("no ConfigError");
  };
  EXPECT_THAT(error_of_yaml("weights: {a: {weigth: 1}}"), HasSubstr("unknown key 'weights.a.weigth'"));
  EXPECT_THAT(error_of_yaml("weights: {a: {weight: -1}}"), HasSubstr("c.yaml:1:23: weights.a.weight: -1 is out of"));
  EXPECT_THAT(error_of_yaml("weights: {a: 1}"), HasSubstr("c.yaml:1:14: weights.a: expected a mapping"));
  EXPECT_THAT(error_of_yaml("weights: [1]"), HasSubstr("weights: expected a mapping (system: ...), this is a list"));

  Document described = Document::describe();
  read(described);
  ASSERT_EQ(described.keys().size(), 2U);
  EXPECT_EQ(described.keys()[1].path, "weights.<system>.weight");
}

TEST(Document, AnUnkeptSectionIsReadAndNotResolved) {
  std::int64_t trials = 3;
  Document document = Document::parse("tune: {trials: 5}", "c.yaml");
  document.root().unkept_section("tune", "a search").read("trials", trials, {.meaning = "how many"});
  document.finish();
  EXPECT_EQ(trials, 5);
  EXPECT_EQ(document.resolved(), "{}\n");
}

}  // namespace
}  // namespace segue::config
