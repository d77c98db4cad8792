#include "recommend/recommend.h"

namespace segue::recommend {

void RecommendOptions::read(config::Section& section) {
  section.read("k", k, {.meaning = "Recommendations a history", .unit = "items", .low = 1, .high = 1'000'000});
  section.read("hide_seen", hide_seen, {.meaning = "Never recommend an item of the same history"});
  section.read("carry", carry, {.meaning = "Columns whose value in the history's last row is carried along"});
  section.read("allow_list", allow_list,
               {.meaning = "File of item ids, one a line: nothing else is recommended; empty: no list"});
  section.read("deny_list", deny_list,
               {.meaning = "File of item ids, one a line, that are never recommended; empty: no list"});
  section.read_choice(
      "format", format,
      {{"parquet", OutputFormat::kParquet}, {"csv", OutputFormat::kCsv}, {"jsonl", OutputFormat::kJsonLines}},
      {.meaning = "Form of the shards"});
  section.read("shard_histories", shard_histories, {.meaning = "Histories in a shard", .unit = "histories", .low = 1});
  section.read("max_length", max_length,
               {.meaning = "Longer histories keep their latest events", .unit = "events", .low = 1});
}

}  // namespace segue::recommend
