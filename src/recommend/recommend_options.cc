#include "recommend/recommend.h"

namespace segue::recommend {
namespace {

std::vector<ItemCondition> read_where(config::Section& section) {
  std::vector<ItemCondition> where;
  for (auto& entry : section.list("where", "only items with these categories are recommended; all entries hold")) {
    ItemCondition condition;
    entry.read(
        "feature", condition.feature,
        {.meaning = "An item feature of the kind category or categories, as the bundle's data.items.features names it",
         .required = true});
    entry.read("values", condition.values, {.meaning = "An item needs one of them", .required = true});
    entry.read("exclude", condition.exclude, {.meaning = "An item must have none of them instead"});
    where.push_back(std::move(condition));
  }
  return where;
}

RerankOptions read_rerank(config::Section section, std::int64_t k) {
  RerankOptions rerank;
  section.read("bundle", rerank.bundle,
               {.meaning = "Bundle whose model orders what the first one finds, relative to where the command runs; "
                           "empty: none"});
  section.read("candidates", rerank.candidates,
               {.meaning = "Items that the first model finds for every history, k at least",
                .unit = "items",
                .low = 1,
                .high = 1'000'000});
  if (!rerank.bundle.empty() && rerank.candidates < k)
    section.fail("candidates", std::to_string(rerank.candidates) + " candidates are too few for lists of " +
                                   std::to_string(k) + " items (recommend.k): ask for as many at least");
  return rerank;
}

}  // namespace

void RecommendOptions::read(config::Section& section) {
  section.read("k", k, {.meaning = "Recommendations a history", .unit = "items", .low = 1, .high = 1'000'000});
  section.read("hide_seen", hide_seen, {.meaning = "Never recommend an item of the same history"});
  section.read("carry", carry, {.meaning = "Columns whose value in the history's last row is carried along"});
  section.read("allow_list", allow_list,
               {.meaning = "File of item ids, one a line: nothing else is recommended; empty: no list"});
  section.read("deny_list", deny_list,
               {.meaning = "File of item ids, one a line, that are never recommended; empty: no list"});
  where = read_where(section);
  rerank = read_rerank(section.section("rerank", "a second model orders what the first one finds"), k);
  section.read_choice(
      "format", format,
      {{"parquet", OutputFormat::kParquet}, {"csv", OutputFormat::kCsv}, {"jsonl", OutputFormat::kJsonLines}},
      {.meaning = "Form of the shards"});
  section.read("shard_histories", shard_histories, {.meaning = "Histories in a shard", .unit = "histories", .low = 1});
  section.read("max_length", max_length,
               {.meaning = "Longer histories keep their latest events", .unit = "events", .low = 1});
}

}  // namespace segue::recommend
