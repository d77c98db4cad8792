#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/section.h"
#include "events/event_reader.h"
#include "kernels/device.h"
#include "support/json.h"

namespace segue::recommend {

enum class OutputFormat { kParquet, kCsv, kJsonLines };

/// One condition of recommend.where: the items that have one of the values, or with `exclude` those that have none.
struct ItemCondition {
  std::string feature;  ///< an item feature of the kind category or categories
  std::vector<std::string> values;
  bool exclude = false;
};

/// recommend.rerank: a second bundle orders what the first one finds.
struct RerankOptions {
  std::string bundle;             ///< empty: no second stage
  std::int64_t candidates = 100;  ///< that the first stage finds for every history
};

/// Section `recommend`.
struct RecommendOptions {
  std::int64_t k = 10;
  bool hide_seen = false;             ///< never recommend an item of the same history
  std::vector<std::string> carry;     ///< columns of the history's last row to carry along
  std::string allow_list, deny_list;  ///< files, one item id a line
  std::vector<ItemCondition> where;   ///< all of them hold of every item that is recommended
  RerankOptions rerank;
  OutputFormat format = OutputFormat::kParquet;
  std::int64_t shard_histories = 250'000;  ///< histories in a shard
  std::int64_t max_length = 200;           ///< longer histories keep their latest events
  void read(config::Section& section);
};

/// What to do with recommendations that are already there.
enum class Existing { kRefuse, kReplace, kResume };

/// Recommends for all histories of the files, streaming: memory does not grow with their number, only with the longest.
///
/// - The rows of one history stand together in the files; they are sorted by time within it (equal times: as they
/// stand).
///   A history that comes back within the next 65,536 others is a DataError naming it; later it counts as another
///   history.
/// - A row with an empty item is the request: its columns are the context of the event to predict. Without one, the
/// context
///   is unknown.
/// - Items that training did not know are read as the unknown item; a history of a request row alone is read as one
/// unknown
///   item.
/// - Where items are available in intervals, those at the time of the request row are candidates, else those at the
/// time
///   of the latest event.
/// - Histories longer than max_length keep their latest events, as in training; hide_seen still knows the others. A
///   filter reads all.
///
/// Recommendations are `sequence, rank` (from 1) `, item, score` and the carried columns, in the order of the
/// histories; `score` is the model's logit. The bytes do not depend on threads or blocks.
///
/// With a bundle to re-rank by, the model finds `candidates` items for every history, after all filters, and the k of
/// them that the second one scores highest are the list (see recommend/reranker.h). `score` is then that of the second
/// model, and `source` (the kind of the first) and `source_score` come behind it. Items of a history mean the same in
/// both by their ids; each model reads features by its own transforms and keeps the latest max_length events of its own
/// bundle.
///
/// The files are read twice: first to count histories and check every row, so that a bad one is found before anything
/// is written. Shards part-00000-of-00004.parquet ... appear one by one, each whole; `_SUCCESS` comes last. An
/// interrupted run goes on with Existing::kResume: finished shards are kept.
///
/// @param source  how the files are to be read, from the configuration that the bundle carries
/// @return counts, seconds, rate
/// @throws ConfigError  recommend.where names no category of items; recommend.rerank a bundle without vectors; items
/// are
///                      available in intervals, and no column of times is named
/// @throws DataError    a bundle or histories damaged; nothing is left to recommend
/// @throws UsageError   `out` holds something already
/// @throws Interrupted
Json recommend(const std::filesystem::path& bundle, const events::SourceOptions& source,
               const std::vector<std::string>& histories, const std::filesystem::path& out,
               const RecommendOptions& options, const kernels::Device& device, Existing existing = Existing::kRefuse);

}  // namespace segue::recommend
