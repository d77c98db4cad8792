#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "item_index/index_writer.h"
#include "item_index/item_index.h"
#include "support/errors.h"
#include "tests/events/scratch_folder.h"
#include "tests/item_index/plain_index.h"

namespace segue::item_index {
namespace {

using kernels::DType;
using kernels::Metric;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kDim = 6;

std::vector<std::int64_t> numbers(std::int64_t n) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

IndexOptions options_of(DType dtype, Metric metric = Metric::kInnerProduct) {
  IndexOptions options;
  options.dtype = dtype;
  options.metric = metric;
  return options;
}

template <class Body>
std::string failure(Body body) {
  try {
    body();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no failure";
}

/// Whole numbers whose rows have the largest element 127: every dtype holds them exactly, int8 with the scale 1.
std::vector<float> exact_in_every_dtype(std::int64_t n, unsigned seed) {
  auto values = whole_numbers(static_cast<std::size_t>(n * kDim), seed, 100);
  for (std::int64_t row = 0; row < n; ++row) values[static_cast<std::size_t>(row * kDim + row % kDim)] = 127;
  return values;
}

class EveryDtype : public testing::TestWithParam<DType> {};

TEST_P(EveryDtype, FindsTheSameThroughEveryChange) {
  const ScratchFolder folder;
  const auto path = folder / "index";
  PlainIndex plain(kDim);
  const auto queries = exact_in_every_dtype(7, 50);
  const auto expect_equal = [&] {
    EXPECT_EQ(search(ItemIndex::open(path), queries, {.k = 15, .device = cpu(2)}), plain.search(queries, 15));
  };
  const auto vectors = exact_in_every_dtype(200, 1), more = exact_in_every_dtype(3, 2);
  build_index(path, items_of(vectors, kDim), options_of(GetParam()), 2);
  plain.add(vectors, numbers(200));
  expect_equal();
  add_items(path, items_of(more, kDim, {7, 500, 199}), 1);
  plain.add(more, {7, 500, 199});
  expect_equal();
  remove_items(path, {3, 500});
  plain.remove(3);
  plain.remove(500);
  expect_equal();
  compact_index(path, 1);
  expect_equal();
  EXPECT_EQ(ItemIndex::open(path).segments().front()->items().vectors.dtype, GetParam());
}

TEST_P(EveryDtype, ManyItemsFindTheSame) {
  const ScratchFolder folder;
  const std::int64_t n = kernels::kLeastInt8Items;
  const auto vectors = exact_in_every_dtype(n, 1), queries = exact_in_every_dtype(3, 2);
  PlainIndex plain(kDim);
  build_index(folder / "index", items_of(vectors, kDim), options_of(GetParam()), 2);
  const auto index = ItemIndex::open(folder / "index");
  EXPECT_EQ(index.segments().front()->items().int8 == nullptr, GetParam() == DType::kInt8);
  plain.add_all(vectors);
  EXPECT_EQ(search(index, queries, {.k = 10}), plain.search(queries, 10));
}

INSTANTIATE_TEST_SUITE_P(DtypesAndMetrics, EveryDtype,
                         testing::Values(DType::kFloat32, DType::kBFloat16, DType::kFloat16, DType::kInt8),
                         [](const auto& of) { return kernels::name_of(of.param); });

TEST(DtypesAndMetrics, L2FindsTheNearest) {
  const ScratchFolder folder;
  const auto path = folder / "index";
  const auto vectors = whole_numbers(120 * kDim, 1, 9), queries = whole_numbers(8 * kDim, 2, 9);
  const std::vector<float> first(vectors.begin(), vectors.begin() + 70 * kDim);
  const std::vector<float> second(vectors.begin() + 70 * kDim, vectors.end());
  build_index(path, items_of(first, kDim), options_of(DType::kFloat32, Metric::kL2), 1);
  add_items(path, items_of(second, kDim), 1);
  const auto expect_nearest = [&] {
    const auto lists = search(ItemIndex::open(path), queries, {.k = 12});
    for (std::size_t q = 0; q < 8; ++q) {
      std::vector<std::pair<int, std::int64_t>> distances;
      int norm = 0;
      for (std::size_t i = 0; i < kDim; ++i) norm += static_cast<int>(std::pow(queries[q * kDim + i], 2));
      for (std::size_t row = 0; row < 120; ++row) {
        int distance = 0;
        for (std::size_t i = 0; i < kDim; ++i)
          distance += static_cast<int>(std::pow(queries[q * kDim + i] - vectors[row * kDim + i], 2));
        distances.emplace_back(distance, row);
      }
      std::sort(distances.begin(), distances.end());
      for (std::size_t i = 0; i < 12; ++i) {
        EXPECT_EQ(lists.ids[q * 12 + i], distances[i].second);
        EXPECT_EQ(static_cast<float>(norm) - 2 * lists.scores[q * 12 + i], static_cast<float>(distances[i].first));
      }
    }
  };
  expect_nearest();
  compact_index(path, 1);
  expect_nearest();
}

TEST(DtypesAndMetrics, CosineDoesNotSeeLengths) {
  const ScratchFolder folder;
  auto vectors = whole_numbers(80 * kDim, 1, 9), queries = whole_numbers(5 * kDim, 2, 9);
  build_index(folder / "index", items_of(vectors, kDim), options_of(DType::kFloat32, Metric::kCosine), 1);
  const auto lists = search(ItemIndex::open(folder / "index"), queries, {.k = 80});
  for (std::size_t i = 0; i < lists.ids.size(); ++i) {
    const float* q = queries.data() + i / 80 * kDim;
    const float* x = vectors.data() + lists.ids[i] * kDim;
    const double cosine = std::inner_product(q, q + kDim, x, 0.0) /
                          std::sqrt(std::inner_product(q, q + kDim, q, 0.0) * std::inner_product(x, x + kDim, x, 0.0));
    EXPECT_NEAR(lists.scores[i], cosine, 1e-6);
    if (i % 80 != 0) {
      EXPECT_GE(lists.scores[i - 1], lists.scores[i]);
    }
  }
  // Powers of two change no bit of a direction.
  for (float& x : queries) x *= 4;
  for (float& x : vectors) x *= 0.5F;
  build_index(folder / "scaled", items_of(vectors, kDim), options_of(DType::kFloat32, Metric::kCosine), 1);
  EXPECT_EQ(search(ItemIndex::open(folder / "scaled"), queries, {.k = 80}), lists);
}

TEST(DtypesAndMetrics, NumbersThatDoNotFitAreNamed) {
  const ScratchFolder folder;
  std::vector<float> vectors(3 * kDim, 1.0F);
  vectors[2 * kDim + 1] = 70'000;
  const auto build = [&](const IndexOptions& options) {
    return failure([&] { build_index(folder / "index", items_of(vectors, kDim), options, 1); });
  };
  EXPECT_THAT(build(options_of(DType::kFloat16)), AllOf(HasSubstr("row 2"), HasSubstr("float16")));
  EXPECT_FALSE(std::filesystem::exists(folder / "index"));
  EXPECT_EQ(build(options_of(DType::kBFloat16)), "no failure");
  vectors[kDim] = 1e30F;
  EXPECT_THAT(build(options_of(DType::kFloat32, Metric::kL2)), AllOf(HasSubstr("row 1"), HasSubstr("distances")));
}

TEST(DtypesAndMetrics, AnIndexKnowsItsOptions) {
  for (const auto dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16, DType::kInt8}) {
    for (const auto metric : {Metric::kInnerProduct, Metric::kL2, Metric::kCosine}) {
      auto options = options_of(dtype, metric);
      options.lists = 7;
      options.target_recall = 0.5;
      const auto json = options.to_json();
      EXPECT_EQ(IndexOptions::from_json(json, "here").to_json(), json);
    }
  }
  auto json = IndexOptions().to_json();
  json["kind"] = "graph";
  EXPECT_THAT(failure([&] { (void)IndexOptions::from_json(json, "here"); }),
              AllOf(HasSubstr("here"), HasSubstr("'graph'"), HasSubstr("update the program")));
}

}  // namespace
}  // namespace segue::item_index
