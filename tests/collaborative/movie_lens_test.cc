// MovieLens 1M, leave one out: the last item of 6,040 users among the 3,416 items that they have not seen. Read from
// the folder named by SEGUE_DATA; without it the test is skipped.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <unordered_map>

#include "collaborative/filter_scorer.h"
#include "events/byte_stream.h"
#include "ranking/metrics.h"
#include "ranking/ranker.h"
#include "support/threads.h"

namespace segue::collaborative {
namespace {

Dataset movie_lens(const std::string& path) {
  events::ByteStream file(path);
  std::string text, block(1 << 20, '\0');
  while (const std::size_t n = file.read(block.data(), block.size())) text.append(block, 0, n);
  std::istringstream lines(text);
  std::map<std::int64_t, std::vector<ItemRow>> users;
  std::unordered_map<std::int64_t, ItemRow> rows;
  for (std::int64_t user = 0, item = 0; lines >> user >> item;)
    users[user].push_back(rows.try_emplace(item, static_cast<ItemRow>(rows.size())).first->second);
  EventsInMemory events;
  events.n_items = static_cast<std::int32_t>(rows.size());
  for (const auto& [user, items] : users) {
    events.item_rows.insert(events.item_rows.end(), items.begin(), items.end());
    events.begins.push_back(static_cast<std::int64_t>(events.item_rows.size()));
    events.train_ends.push_back(events.begins.back() - 2);
    events.valid_ends.push_back(events.begins.back() - 1);
  }
  return Dataset::in_memory(std::move(events));
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// hit_rate@10 and ndcg@10 on the test part; what they cost goes to the log.
std::map<std::string, double> measure(const Dataset& dataset, const FilterOptions& options) {
  FitSettings settings;
  settings.n_threads = available_threads();
  const auto start = Clock::now();
  const auto filter = fit(options, dataset, settings);
  const double fit_s = seconds_since(start);
  FilterScorer scorer(*filter, dataset, settings.n_threads);
  const ranking::RankingProtocol protocol{
      .part = Part::kTest, .positions = ranking::Positions::kLast, .hide_seen = true};
  ranking::MetricAccumulator sums({ranking::MetricName::parse("hit_rate@10"), ranking::MetricName::parse("ndcg@10")},
                                  dataset.n_items());
  const auto fitted = Clock::now();
  ranking::rank_all(dataset, scorer, ranking::make_queries(dataset, protocol), protocol, settings.n_threads,
                    [&](const ranking::Ranking& ranking) { sums.add(ranking); });
  auto values = sums.values();
  GTEST_LOG_(INFO) << options.kind() << " " << options.to_json().dump() << ": hit_rate@10 " << values.at("hit_rate@10")
                   << "  ndcg@10 " << values.at("ndcg@10") << "  fit " << fit_s << " s  ranking "
                   << seconds_since(fitted) << " s";
  return values;
}

TEST(MovieLens1M, LeaveOneOut) {
  const char* folder = std::getenv("SEGUE_DATA");
  if (folder == nullptr) GTEST_SKIP() << "SEGUE_DATA is not set";
  const Dataset dataset = movie_lens(std::string(folder) + "/ml-1m/interactions.txt.gz");
  // Golden values: the formulas of collaborative/filter.h in numpy, in double; of ials with other random numbers.
  struct Expected {
    FilterOptions options;
    double hit_rate, ndcg, tolerance;
  };
  const std::vector<Expected> expected = {
      {PopularityOptions{}, .036921, .018030, 1e-6},
      {ItemKnnOptions{}, .054967, .027009, 2e-4},
      {EaseOptions{}, .108444, .053482, 2e-4},
      {EaseOptions{.history_half_life = 5}, .225828, .124576,
       2e-4},  // the order of a history is worth more than all else
      {IalsOptions{}, .092550, .045852, 5e-3},
  };
  for (const auto& [options, hit_rate, ndcg, tolerance] : expected) {
    const auto values = measure(dataset, options);
    EXPECT_NEAR(values.at("hit_rate@10"), hit_rate, tolerance) << options.kind();
    EXPECT_NEAR(values.at("ndcg@10"), ndcg, tolerance) << options.kind();
  }
}

}  // namespace
}  // namespace segue::collaborative
