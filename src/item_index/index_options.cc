#include "item_index/index_options.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "support/errors.h"

namespace segue::item_index {
namespace {

template <class E>
using Words = std::vector<std::pair<std::string, E>>;

const Words<IndexKind> kKinds = {{"exact", IndexKind::kExact}, {"ivf", IndexKind::kIvf}};
using kernels::DType, kernels::Metric;
const Words<Metric> kMetrics = {
    {"inner_product", Metric::kInnerProduct}, {"l2", Metric::kL2}, {"cosine", Metric::kCosine}};
const Words<DType> kDtypes = {
    {"float32", DType::kFloat32}, {"bfloat16", DType::kBFloat16}, {"float16", DType::kFloat16}, {"int8", DType::kInt8}};

template <class E>
std::string word_of(E value, const Words<E>& words) {
  return std::find_if(words.begin(), words.end(), [value](const auto& entry) { return entry.second == value; })->first;
}

template <class E>
E value_of(const Json& json, const std::string& key, const Words<E>& words, const std::string& where) {
  const auto word = json_get<std::string>(json, key, where);
  const auto found = std::find_if(words.begin(), words.end(), [&](const auto& entry) { return entry.first == word; });
  if (found == words.end())
    throw DataError(where + ": '" + key + "' is '" + word + "', which this Segue does not know; update the program");
  return found->second;
}

}  // namespace

void IndexOptions::read(config::Section& section) {
  section.read_choice("kind", kind, kKinds,
                      {.meaning = "exact: every item is looked at; ivf: items lie in lists by k-means, of which a "
                                  "search looks into those that promise most"});
  section.read_choice(
      "metric", metric, kMetrics,
      {.meaning = "what lists are ordered by: inner_product, the largest first; l2, the nearest first; cosine, the "
                  "largest first. A bundle's is inner_product, as its model was trained"});
  section.read_choice("dtype", dtype, kDtypes,
                      {.meaning = "numbers that vectors are stored and scored in; int8: with a scale a row"});
  if (kind == IndexKind::kIvf && dtype == DType::kInt8)
    section.fail("dtype", "lists hold an int8 copy already; with kind ivf take bfloat16, float16 or float32");
  section.read(
      "lists", lists,
      {.meaning = "ivf: how many; 0: chosen by the number of items", .unit = "lists", .low = 0, .high = 10'000'000});
  section.read(
      "probes", probes,
      {.meaning = "ivf: lists that a search looks into; 0: the fewest that reach target_recall on sample queries",
       .unit = "lists",
       .low = 0,
       .high = 10'000'000});
  section.read(
      "target_recall", target_recall,
      {.meaning = "ivf, probes 0: mean share of the exact list's items that a search has to find, ties counted",
       .unit = "share",
       .low = 0.01,
       .high = 1});
  section.read("recall_k", recall_k,
               {.meaning = "ivf, probes 0: length of the lists that recall is measured on",
                .unit = "items",
                .low = 1,
                .high = 10'000});
  section.read(
      "calibration_queries", calibration_queries,
      {.meaning = "ivf, probes 0: sample queries, one half to choose probes by, the other to measure recall on",
       .unit = "queries",
       .low = 2,
       .high = 100'000});
  section.read("seed", seed, {.meaning = "ivf: of k-means and of the sample of queries"});
}

Json IndexOptions::to_json() const {
  return {{"kind", word_of(kind, kKinds)},
          {"metric", word_of(metric, kMetrics)},
          {"dtype", word_of(dtype, kDtypes)},
          {"lists", lists},
          {"probes", probes},
          {"target_recall", target_recall},
          {"recall_k", recall_k},
          {"calibration_queries", calibration_queries},
          {"seed", seed}};
}

IndexOptions IndexOptions::from_json(const Json& json, const std::string& where) {
  IndexOptions options;
  options.kind = value_of(json, "kind", kKinds, where);
  options.metric = value_of(json, "metric", kMetrics, where);
  options.dtype = value_of(json, "dtype", kDtypes, where);
  const auto read = [&](const char* key, auto& value) {
    value = json_get<std::remove_reference_t<decltype(value)>>(json, key, where);
  };
  read("lists", options.lists);
  read("probes", options.probes);
  read("target_recall", options.target_recall);
  read("recall_k", options.recall_k);
  read("calibration_queries", options.calibration_queries);
  read("seed", options.seed);
  return options;
}

}  // namespace segue::item_index
