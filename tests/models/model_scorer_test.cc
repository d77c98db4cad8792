#include "models/model_scorer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "dataset/prepare.h"
#include "models/gru_session.h"
#include "ranking/ranker.h"
#include "support/progress.h"
#include "support/random.h"
#include "tests/events/scratch_folder.h"
#include "tests/models/plain_model.h"

namespace segue::models {
namespace {

using Scores = std::vector<std::vector<float>>;  // [n_queries][n_items]

constexpr std::int64_t kMaxLength = 6;

std::vector<ranking::Query> every_test_query(const Dataset& dataset) {
  return ranking::make_queries(dataset, {.part = Part::kTest, .positions = ranking::Positions::kEvery});
}

/// Scores in calls of `block` queries.
Scores score(ranking::Scorer& scorer, const Dataset& dataset, const std::vector<ranking::Query>& queries,
             std::size_t block = 1000) {
  Scores scores;
  for (std::size_t first = 0; first < queries.size(); first += block) {
    const auto some = std::span(queries).subspan(first, std::min(block, queries.size() - first));
    const auto n_items = static_cast<std::size_t>(dataset.n_items());
    std::vector<float> values(some.size() * n_items);
    scorer.score(some, {values.data(), static_cast<std::int64_t>(some.size()), dataset.n_items()});
    for (std::size_t q = 0; q < some.size(); ++q) {
      const auto row = std::span(values).subspan(q * n_items, n_items);
      scores.emplace_back(row.begin(), row.end());
    }
  }
  return scores;
}

std::string name_of(const char* kind, std::uint64_t n) { return std::string(kind).append(std::to_string(n)); }

struct Event {
  int sequence = 0, place = 0;  // place of the event in its sequence
  std::string item;
  std::int64_t time_s = 0;
  double price = 0;
  std::string country;
};

/// Sequences of 2 to 9 events; the test ones hold an item that training does not know.
std::vector<Event> make_events(int n_sequences, std::uint64_t stream) {
  Random random(5, stream);
  std::vector<Event> events;
  for (int s = 0; s < n_sequences; ++s) {
    const auto length = 2 + static_cast<int>(random.below(8));
    for (int i = 0; i < length; ++i) {
      const auto item = stream == 2 && i == 3 ? 99 : random.below(11);
      events.push_back({s, i, name_of("i", item),
                        1'000'000 * s + 5000 * i + static_cast<std::int64_t>(random.below(4000)), random.normal(),
                        name_of("c", random.below(4))});
    }
  }
  return events;
}

std::string file_of(const ScratchFolder& folder, const std::string& name, const std::vector<Event>& events) {
  std::string text = "user,item,time,price,country\n";
  for (const Event& e : events) {
    text += name.substr(0, 2) + std::to_string(e.sequence) + "," + e.item + "," + std::to_string(e.time_s) + "," +
            std::to_string(e.price) + "," + e.country + "\n";
  }
  return folder.write(name + ".csv", text).string();
}

/// The same training events and these for the test, with features known of the past alone (price) and of the event to
/// predict too (country, gap).
Dataset prepare_world(const ScratchFolder& folder, const std::vector<Event>& test, const std::string& name = "test") {
  DataOptions options;
  options.prepared = (folder / ("prepared_" + name)).string();
  options.events = {file_of(folder, "train", make_events(40, 1))};
  options.test_events = {file_of(folder, name, test)};
  options.split = SplitKind::kFiles;
  options.source.sequence_column = "user";
  options.source.item_column = "item";
  options.source.time_column = "time";
  options.source.time_format = events::TimeFormat::kSeconds;
  features::FeatureOptions price, country, gap;
  price.name = "price";
  price.kind = features::FeatureKind::kNumber;
  country.name = "country";
  gap.name = "gap";
  gap.kind = features::FeatureKind::kGap;
  country.context = gap.context = true;
  options.features = {price, country, gap};
  set_verbosity(Verbosity::kQuiet);
  prepare(options, 1);
  return Dataset::open(options.prepared);
}

GruSessionOptions plain_options() {
  GruSessionOptions options;
  options.embedding_dim = 5;
  options.hidden_dim = 7;
  options.feature_dim = 3;
  options.init_std = 0.5;
  return options;
}

std::vector<GruSessionOptions> variants() {
  GruSessionOptions visited = plain_options(), rich = plain_options();
  visited.visited_weights = true;
  rich.n_layers = 2;
  rich.layer_norm = rich.residual = rich.normalize = rich.visited_weights = true;
  rich.feed_forward_dim = 11;
  rich.tied = false;
  rich.scale = 4;
  return {plain_options(), visited, rich};
}

/// A model with every parameter away from its start, biases and norms too.
GruSession make_model(const GruSessionOptions& options, const Dataset& dataset) {
  GruSession model(options, dataset.n_items(), dataset.pipeline().specs());
  model.initialize(4);
  Random random(6);
  for (const auto& [name, parameter] : model.parameters()) {
    auto* values = parameter.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < parameter.numel(); ++i) values[i] += static_cast<float>(0.3 * random.normal());
  }
  return model;
}

TEST(ModelScorer, ScoresByTheFormula) {
  const ScratchFolder folder;
  const Dataset dataset = prepare_world(folder, make_events(12, 2));
  const auto queries = every_test_query(dataset);
  ASSERT_GT(queries.size(), 30U);
  for (const GruSessionOptions& options : variants()) {
    GruSession model = make_model(options, dataset);
    ModelScorer scorer(model, dataset, kMaxLength, 1);
    const PlainModel plain(model);
    const Scores scores = score(scorer, dataset, queries);
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const auto expected = plain.scores(dataset, queries[q], kMaxLength);
      for (std::size_t item = 0; item < expected.size(); ++item)
        ASSERT_NEAR(scores[q][item], expected[item], 2e-5) << "query " << q << ", item " << item;
    }
  }
}

TEST(ModelScorer, RefreshReadsTheParametersAgain) {
  const ScratchFolder folder;
  const Dataset dataset = prepare_world(folder, make_events(12, 2));
  const auto queries = every_test_query(dataset);
  GruSession model = make_model(plain_options(), dataset);
  ModelScorer scorer(model, dataset, kMaxLength, 1);
  const Scores before = score(scorer, dataset, queries);
  for (const auto& [name, parameter] : model.parameters()) parameter.mutable_data_ptr<float>()[0] += 1;
  EXPECT_EQ(score(scorer, dataset, queries), before);
  scorer.refresh();
  EXPECT_NEAR(score(scorer, dataset, queries)[3][2], PlainModel(model).scores(dataset, queries[3], kMaxLength)[2],
              2e-5);
}

TEST(ModelScorer, CompanyBlocksAndThreadsDoNotShow) {
  const ScratchFolder folder;
  const Dataset dataset = prepare_world(folder, make_events(150, 2));  // several blocks a thread
  const auto queries = every_test_query(dataset);
  for (const GruSessionOptions& options : variants()) {
    GruSession model = make_model(options, dataset);
    ModelScorer one(model, dataset, kMaxLength, 1);
    const Scores alone = score(one, dataset, queries, 1);
    for (const int n_threads : {1, 2, 3}) {
      ModelScorer scorer(model, dataset, kMaxLength, n_threads);
      for (const std::size_t block : {2, 7, 64, 100'000})
        ASSERT_EQ(score(scorer, dataset, queries, block), alone) << n_threads << " threads, blocks of " << block;
    }
  }
}

TEST(ModelScorer, ServesManyCallersAtATime) {
  const ScratchFolder folder;
  const Dataset dataset = prepare_world(folder, make_events(150, 2));
  const auto queries = every_test_query(dataset);
  GruSession model = make_model(variants()[1], dataset);
  ModelScorer scorer(model, dataset, kMaxLength, 2);
  const Scores expected = score(scorer, dataset, queries);
  std::vector<Scores> found(3);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < found.size(); ++t)
      threads.emplace_back([&, t] { found[t] = score(scorer, dataset, queries, 20 + t); });
  }
  for (const Scores& scores : found) EXPECT_EQ(scores, expected);
}

TEST(ModelScorer, ACutHistoryIsItsLatestEvents) {
  // The same sequence whole, and without the two events that max_length 3 cuts off.
  const Dataset whole = Dataset::in_memory({6, {0, 6}, {0}, {0}, {5, 5, 2, 0, 2, 1}, {}});
  const Dataset cut = Dataset::in_memory({6, {0, 4}, {0}, {0}, {2, 0, 2, 1}, {}});
  for (const GruSessionOptions& options : variants()) {
    GruSession model = make_model(options, whole);
    ModelScorer of_whole(model, whole, 3, 1), of_cut(model, cut, 3, 1), uncut(model, whole, 5, 1);
    const Scores expected = score(of_cut, cut, {{0, 0, 3}});
    EXPECT_EQ(score(of_whole, whole, {{0, 0, 5}}), expected);
    EXPECT_NE(score(uncut, whole, {{0, 0, 5}}), expected);
  }
}

TEST(ModelScorer, VisitedWeightsAreAddedToVisitedItemsAlone) {
  const Dataset dataset = Dataset::in_memory({6, {0, 6}, {0}, {0}, {4, 1, 3, 6, 1, 2}, {}});  // 6 is unknown
  GruSession with = make_model(variants()[1], dataset), without(plain_options(), 6, {});
  for (const auto& [name, parameter] : without.parameters()) {
    const auto& all = with.parameters();
    parameter.detach().copy_(
        std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.first == name; })->second.detach());
  }
  const auto* weights = with.visited_weights().const_data_ptr<float>();
  ModelScorer weighted(with, dataset, 4, 1), bare(without, dataset, 4, 1);
  auto expected = score(bare, dataset, {{0, 0, 5}})[0];  // 1 3 unknown 1: the 4 was cut
  expected[1] += weights[0];
  expected[3] += weights[1];
  EXPECT_EQ(score(weighted, dataset, {{0, 0, 5}})[0], expected);
  expected = score(bare, dataset, {{0, 0, 4}})[0];  // 4 1 3 unknown: no known item is the current one
  for (const std::size_t item : {1, 3, 4}) expected[item] += weights[1];
  EXPECT_EQ(score(weighted, dataset, {{0, 0, 4}})[0], expected);
}

TEST(ModelScorer, AConstantAndADivergedModelFindNothing) {
  const Dataset dataset = Dataset::in_memory({6, {0, 4, 8}, {0, 4}, {0, 4}, {0, 1, 2, 3, 5, 4, 3, 2}, {}});
  const ranking::RankingProtocol protocol{.positions = ranking::Positions::kEvery, .max_k = 5};
  const auto queries = ranking::make_queries(dataset, protocol);
  for (const float value : {0.0F, std::nanf("")}) {
    GruSession model = make_model(variants()[2], dataset);
    for (const auto& [name, parameter] : model.parameters())
      std::fill_n(parameter.mutable_data_ptr<float>(), parameter.numel(), value);
    ModelScorer scorer(model, dataset, kMaxLength, 1);
    ranking::rank_all(dataset, scorer, queries, protocol, 1, [&](const ranking::Ranking& ranking) {
      const std::vector<std::int64_t> ranks(ranking.ranks.begin(), ranking.ranks.end());
      EXPECT_EQ(ranks, value == 0 ? std::vector<std::int64_t>{6} : std::vector<std::int64_t>{})
          << "parameters of " << value;
    });
  }
}

TEST(ModelScorer, RefusesWrongUse) {
  const Dataset dataset = Dataset::in_memory({6, {0, 3}, {0}, {0}, {0, 1, 2}, {}});
  GruSession model = make_model(plain_options(), dataset);
  EXPECT_THROW(ModelScorer(model, dataset, 0, 1), std::invalid_argument);
  const Dataset larger = Dataset::in_memory({7, {0, 3}, {0}, {0}, {0, 1, 2}, {}});
  EXPECT_THROW(ModelScorer(model, larger, 3, 1), std::invalid_argument);

  ModelScorer scorer(model, dataset, 3, 1);
  std::vector<float> values(12);
  const auto score_one = [&](const ranking::Query& query, std::int64_t n_rows, std::int64_t n_cols) {
    scorer.score({&query, 1}, {values.data(), n_rows, n_cols});
  };
  EXPECT_NO_THROW(score_one({0, 0, 2}, 1, 6));
  EXPECT_THROW(score_one({0, 0, 2}, 1, 5), std::invalid_argument);
  EXPECT_THROW(score_one({0, 0, 2}, 2, 6), std::invalid_argument);
  EXPECT_THROW(score_one({0, 0, 0}, 1, 6), std::invalid_argument);   // no history
  EXPECT_THROW(score_one({0, -1, 2}, 1, 6), std::invalid_argument);  // outside of the events
  EXPECT_THROW(score_one({0, 0, 4}, 1, 6), std::invalid_argument);
  EXPECT_NO_THROW(scorer.score({}, {nullptr, 0, 6}));

  const ScratchFolder folder;
  const Dataset world = prepare_world(folder, make_events(12, 2));
  GruSession other(plain_options(), world.n_items(), {});  // reads no features
  ModelScorer featureless(other, world, 3, 1);
  EXPECT_THROW(score(featureless, world, every_test_query(world)), std::invalid_argument);
}

// Check 1 of "How one fools oneself": nothing of the event to predict but its context features, and nothing later.

enum class Spared { kNothing, kContextOfTheFirst };

/// The events with other items, prices, countries and times from place `t` of every sequence on. kContextOfTheFirst:
/// country and time of the event at `t` itself stay.
std::vector<Event> corrupted(std::vector<Event> events, int t, Spared spared) {
  for (Event& e : events) {
    if (e.place < t) continue;
    e.item = e.item == "i3" ? "i4" : "i3";
    e.price = e.price * -7 + 100;
    if (e.place == t && spared == Spared::kContextOfTheFirst) continue;
    e.country = e.country == "c1" ? "c2" : "c1";
    e.time_s += 300'000 + 40'000 * e.place;  // the order stays, every gap does not
  }
  return events;
}

/// Queries by the place of their target, and whether their scores are equal bit for bit.
struct Comparison {
  std::vector<bool> earlier, at, later;
};

Comparison compare(const Scores& a, const Scores& b, const std::vector<ranking::Query>& queries, int t) {
  Comparison comparison;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const std::int64_t place = queries[q].position - queries[q].begin;
    (place < t ? comparison.earlier : place == t ? comparison.at : comparison.later).push_back(a[q] == b[q]);
  }
  return comparison;
}

bool all(const std::vector<bool>& values) {
  return std::all_of(values.begin(), values.end(), [](bool value) { return value; });
}
bool none(const std::vector<bool>& values) {
  return std::none_of(values.begin(), values.end(), [](bool value) { return value; });
}

TEST(ModelScorer, NothingOfTheFutureIsRead) {
  const ScratchFolder folder;
  const auto events = make_events(30, 2);
  const Dataset clean = prepare_world(folder, events);
  const auto queries = every_test_query(clean);
  for (const GruSessionOptions& options : variants()) {
    GruSession model = make_model(options, clean);
    ModelScorer scorer(model, clean, kMaxLength, 2);
    const Scores expected = score(scorer, clean, queries);
    for (int t = 1; t < 8; ++t) {
      for (const Spared spared : {Spared::kNothing, Spared::kContextOfTheFirst}) {
        const Dataset dirty = prepare_world(folder, corrupted(events, t, spared), "test_");
        ASSERT_EQ(dirty.items().to_text(), clean.items().to_text());
        ModelScorer other(model, dirty, kMaxLength, 2);
        const auto equal = compare(score(other, dirty, queries), expected, queries, t);
        EXPECT_TRUE(all(equal.earlier)) << t;
        EXPECT_TRUE(none(equal.later)) << "the corruption does not show at all, " << t;
        ASSERT_FALSE(equal.at.empty());
        if (spared == Spared::kContextOfTheFirst) {
          EXPECT_TRUE(all(equal.at)) << "the target's item or a feature of the past alone was read, " << t;
        } else {
          EXPECT_TRUE(none(equal.at)) << "context features of the target are the model's to read, " << t;
        }
      }
    }
  }
}

}  // namespace
}  // namespace segue::models
