// An index with lists: exact within those that are looked into, and probes that reach what was asked for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "item_index/calibration.h"
#include "item_index/index_writer.h"
#include "item_index/item_index.h"
#include "support/errors.h"
#include "support/storage.h"
#include "tests/events/scratch_folder.h"
#include "tests/item_index/plain_index.h"

namespace segue::item_index {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kDim = 8;

/// Points around 30 centres, which are the same for every seed.
std::vector<float> clustered(std::int64_t n, unsigned seed) {
  std::mt19937 places(3), draw(seed);
  std::normal_distribution<float> normal;
  std::vector<float> centres(30 * kDim), points;
  for (float& x : centres) x = 4 * normal(places);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto centre = static_cast<std::size_t>(draw() % 30);
    for (std::size_t d = 0; d < kDim; ++d) points.push_back(centres[centre * kDim + d] + normal(draw));
  }
  return points;
}

IndexOptions ivf_options(std::int64_t probes = 0) {
  IndexOptions options;
  options.kind = IndexKind::kIvf;
  options.lists = 40;
  options.probes = probes;
  options.calibration_queries = 200;
  return options;
}

class IvfTest : public testing::Test {
 protected:
  ScratchFolder folder_;
  std::filesystem::path path_ = folder_ / "index";
  std::vector<float> vectors_ = clustered(3000, 1), queries_ = clustered(20, 2);
};

/// Mean share of exact lists of `k` that is found with some probes.
double recall(const ItemIndex& index, const std::vector<float>& queries, std::int64_t k, std::int64_t probes) {
  const auto exact = search(index, queries, {.k = k, .probes = 0});
  const auto found = search(index, queries, {.k = k, .probes = probes});
  std::int64_t n = 0;
  for (std::size_t first = 0; first < exact.ids.size(); first += static_cast<std::size_t>(k)) {
    const auto begin = exact.ids.begin() + static_cast<std::ptrdiff_t>(first);
    const std::set<std::int64_t> wanted(begin, begin + k);
    for (std::size_t i = first; i < first + static_cast<std::size_t>(k); ++i)
      n += wanted.contains(found.ids[i]) ? 1 : 0;
  }
  return static_cast<double>(n) / static_cast<double>(exact.ids.size());
}

TEST_F(IvfTest, ListsGiveWhatTheKernelsDefinitionGives) {
  build_index(path_, items_of(vectors_, kDim), ivf_options(3), 2);
  const auto index = ItemIndex::open(path_);
  EXPECT_EQ(index.manifest().probes, 3);
  EXPECT_GE(index.n_lists(), 20);
  EXPECT_NE(index.segments().front()->items().int8, nullptr);  // for the exact scan
  kernels::ItemMatrix items;
  items.vectors = {vectors_.data(), 3000, kDim};
  const auto arrays = kernels::make_ivf_items(items.vectors, nullptr, {.n_lists = 40, .seed = ivf_options().seed}, 1);
  for (const std::int64_t probes : {1, 3, 7}) {
    FoundLists expected;
    expected.scores.resize(20 * 15);
    std::vector<std::int32_t> rows(20 * 15);
    kernels::ivf_top_k({queries_.data(), 20, kDim}, items, arrays.view(), {}, 15, probes,
                       {expected.scores.data(), 20, 15}, {rows.data(), 20, 15},
                       {kernels::Device::Kind::kReference, 1, nullptr});
    expected.ids.assign(rows.begin(), rows.end());
    EXPECT_EQ(search(index, queries_, {.k = 15, .probes = probes, .device = cpu(2)}), expected);
  }
  // As the index says where nothing is said.
  EXPECT_EQ(search(index, queries_, {.k = 15}), search(index, queries_, {.k = 15, .probes = 3}));
}

TEST_F(IvfTest, AFilterKeepsTheRecall) {
  const auto vectors = clustered(20'000, 1), queries = clustered(200, 2);
  auto options = ivf_options(6);
  options.lists = 200;
  build_index(path_, items_of(vectors, kDim), options, 2);
  const auto index = ItemIndex::open(path_);
  const double unfiltered = recall(index, queries, 10, 6);
  EXPECT_LT(unfiltered, 0.999) << "the lists are to be too few for a perfect recall, or nothing is tested";
  std::mt19937 draw(9);
  for (const unsigned one_in : {2U, 10U, 100U, 2000U}) {
    std::vector<std::uint32_t> allowed(20'000 / 32);
    for (auto& word : allowed)
      for (unsigned bit = 0; bit < 32; ++bit) word |= draw() % one_in == 0 ? 1U << bit : 0U;
    for (const std::size_t n_queries : {std::size_t{1}, std::size_t{200}}) {
      double found_share = 0;
      for (std::size_t first = 0; first < 200; first += n_queries) {
        const std::vector<float> some(queries.begin() + static_cast<std::ptrdiff_t>(first * kDim),
                                      queries.begin() + static_cast<std::ptrdiff_t>((first + n_queries) * kDim));
        const auto exact = search(index, some, {.k = 5, .probes = 0, .allowed = allowed.data()});
        const auto found = search(index, some, {.k = 5, .allowed = allowed.data()});
        for (std::size_t i = 0; i < exact.scores.size(); ++i)
          found_share += found.scores[i] >= exact.scores[i / 5 * 5 + 4] ? 0.001 : 0;
      }
      EXPECT_GE(found_share, unfiltered - 0.01) << "one in " << one_in << ", queries " << n_queries;
    }
  }
}

TEST_F(IvfTest, TheExactScanAndAllListsAreExact) {
  PlainIndex plain(kDim);
  plain.add_all(vectors_);
  build_index(path_, items_of(vectors_, kDim), ivf_options(1), 1);
  const auto index = ItemIndex::open(path_);
  for (const std::int64_t probes : {std::int64_t{0}, index.n_lists(), std::int64_t{1'000'000}})
    EXPECT_EQ(search(index, queries_, {.k = 15, .probes = probes}), plain.search(queries_, 15)) << probes;
}

TEST_F(IvfTest, AddedItemsAreAlwaysLookedAtAndRemovedOnesNever) {
  build_index(path_, items_of(vectors_, kDim), ivf_options(1), 1);
  // Far from every list, yet the best answer to its own direction.
  std::vector<float> outlier(kDim, 0.0F);
  outlier[2] = 1000;
  add_items(path_, items_of(outlier, kDim, {77'777}), 1);
  EXPECT_EQ(search(ItemIndex::open(path_), outlier, {.k = 1}).ids.front(), 77'777);
  const auto best = search(ItemIndex::open(path_), queries_, {.k = 1}).ids;
  std::set<std::int64_t> gone(best.begin(), best.end());
  gone.erase(77'777);
  remove_items(path_, {gone.begin(), gone.end()});
  for (const std::int64_t probes : {0, 1, 5}) {
    for (const auto id : search(ItemIndex::open(path_), queries_, {.k = 20, .probes = probes}).ids)
      EXPECT_FALSE(gone.contains(id));
  }
  compact_index(path_, 1);
  const auto index = ItemIndex::open(path_);
  EXPECT_EQ(index.segments().size(), 1u);
  EXPECT_GE(index.n_lists(), 20);
  EXPECT_EQ(index.manifest().probes, 1);
  EXPECT_EQ(search(index, outlier, {.k = 1, .probes = 0}).ids.front(), 77'777);
}

TEST_F(IvfTest, EveryMetricAndDtypeHasLists) {
  for (const auto metric : {kernels::Metric::kInnerProduct, kernels::Metric::kL2, kernels::Metric::kCosine}) {
    for (const auto dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
      auto options = ivf_options(8);
      options.metric = metric;
      options.dtype = dtype;
      build_index(path_, items_of(vectors_, kDim), options, 2);
      EXPECT_GT(recall(ItemIndex::open(path_), queries_, 10, 8), 0.9);
    }
  }
}

TEST_F(IvfTest, ProbesAreTheFewestThatReachTheTarget) {
  const auto sample = clustered(150, 9);
  auto options = ivf_options();
  options.target_recall = 0.9;
  options.recall_k = 100;
  const auto manifest = build_index(path_, items_of(vectors_, kDim), options, 2, {sample.data(), 150, kDim});
  const auto& measured = manifest.calibration;
  const auto index = ItemIndex::open(path_);
  EXPECT_EQ(index.manifest().calibration, measured);
  EXPECT_EQ(measured.at("queries"), "given");
  EXPECT_EQ(measured.at("n_queries"), 150);
  const auto probes = measured.at("probes").get<std::int64_t>();
  // The same halves, recall counted here by ids: the scores are all different.
  const auto kept = read_queries(path_, *manifest.queries, kDim);
  const std::vector<float> first(kept.vectors.begin(), kept.vectors.begin() + 75 * kDim);
  const std::vector<float> second(kept.vectors.begin() + 75 * kDim, kept.vectors.end());
  EXPECT_GE(recall(index, first, 100, probes), 0.9);
  ASSERT_GT(probes, 1);
  EXPECT_LT(recall(index, first, 100, probes - 1), 0.9);
  EXPECT_NEAR(measured.at("recall").get<double>(), recall(index, second, 100, probes), 1e-9);
  EXPECT_GT(measured.at("recall").get<double>(), 0.8);
  // Lists are searched only where that is faster, whatever this machine says.
  const bool faster = measured.at("queries_per_s").get<double>() > measured.at("exact_queries_per_s").get<double>();
  EXPECT_EQ(manifest.probes, faster ? probes : 0);
  EXPECT_EQ(measured.at("searches"), faster ? "lists" : "exact");
}

TEST_F(IvfTest, WithoutQueriesItemsAreAskedForAndThatIsSaid) {
  const auto manifest = build_index(path_, items_of(vectors_, kDim), ivf_options(), 1);
  EXPECT_EQ(manifest.calibration.at("queries"), "items");
  EXPECT_EQ(manifest.calibration.at("n_queries"), 200);
  EXPECT_FALSE(manifest.queries);
}

TEST_F(IvfTest, CompactionMeasuresByTheSameQueries) {
  const auto sample = clustered(60, 9);
  const auto before = build_index(path_, items_of(vectors_, kDim), ivf_options(), 1, {sample.data(), 60, kDim});
  remove_items(path_, {1, 2, 3});
  const auto after = compact_index(path_, 1).manifest;
  EXPECT_EQ(after.calibration.at("queries"), "given");
  EXPECT_EQ(after.queries->name, before.queries->name);
  EXPECT_TRUE(std::filesystem::exists(path_ / after.queries->name));
  const auto whole = storage::read_file(path_ / after.queries->name);
  auto damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  storage::write_file(path_ / after.queries->name, damaged);
  EXPECT_THAT([&] { ItemIndex::open(path_); }, testing::ThrowsMessage<DataError>(HasSubstr(after.queries->name)));
}

TEST_F(IvfTest, WhatCannotBeMeasuredIsSearchedExactly) {
  // One list; one query; a target that takes both lists.
  auto options = ivf_options();
  options.lists = 1;
  EXPECT_EQ(build_index(path_, items_of(vectors_, kDim), options, 1).probes, 0);
  options.lists = 2;
  options.target_recall = 1;
  options.recall_k = 2000;
  const auto both = build_index(path_, items_of(vectors_, kDim), options, 1);
  EXPECT_EQ(both.probes, 0);
  EXPECT_EQ(both.calibration.at("probes"), both.calibration.at("lists"));
  EXPECT_EQ(both.calibration.at("because"), "no fewer lists reach target_recall");
  const auto manifest = build_index(path_, items_of(vectors_, kDim), ivf_options(), 1, {queries_.data(), 1, kDim});
  EXPECT_EQ(manifest.probes, 0);
  EXPECT_EQ(manifest.calibration.at("searches"), "exact");
  EXPECT_EQ(search(ItemIndex::open(path_), queries_, {.k = 5}),
            search(ItemIndex::open(path_), queries_, {.k = 5, .probes = 0}));
}

TEST_F(IvfTest, ItemsOfEqualScoreAreAsGood) {
  const std::vector<float> same(500 * kDim, 1.0F);
  const auto manifest = build_index(path_, items_of(same, kDim), ivf_options(), 1);
  if (manifest.calibration.contains("recall")) {
    EXPECT_EQ(manifest.calibration.at("recall"), 1.0);
  }
}

TEST_F(IvfTest, ListsAreMadeWhenTheFirstItemsCameLater) {
  build_index(path_, items_of(queries_, kDim), ivf_options(2), 1);
  std::vector<std::int64_t> all(20);
  std::iota(all.begin(), all.end(), std::int64_t{0});
  remove_items(path_, all);
  compact_index(path_, 1);
  add_items(path_, items_of(vectors_, kDim), 1);
  EXPECT_EQ(ItemIndex::open(path_).n_lists(), 0);
  compact_index(path_, 1);
  EXPECT_GE(ItemIndex::open(path_).n_lists(), 20);
}

TEST_F(IvfTest, QueriesOfOtherDimensionsAreRefused) {
  EXPECT_THAT(
      [&] {
        build_index(path_, items_of(vectors_, kDim), ivf_options(), 1, {queries_.data(), 4, 3});
      },
      testing::ThrowsMessage<DataError>(AllOf(HasSubstr("queries have 3"), HasSubstr("items 8"))));
}

}  // namespace
}  // namespace segue::item_index
