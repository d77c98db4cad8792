#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/section.h"
#include "support/json.h"

namespace segue::recommend {

enum class OutputFormat { kParquet, kCsv, kJsonLines };

/// Section `recommend`.
struct RecommendOptions {
  std::int64_t k = 10;
  bool hide_seen = false;                  ///< never recommend an item of the same history
  std::vector<std::string> carry;          ///< columns of the history's last row to carry along
  std::string allow_list, deny_list;       ///< files, one item id a line
  OutputFormat format = OutputFormat::kParquet;
  std::int64_t n_shards = 0;               ///< 0: one per 250,000 histories
  std::int64_t max_length = 200;           ///< longer histories keep their latest events
  void read(config::Section& section);
};

/// Recommends for all histories of the files, streaming: memory does not grow with their number. Rows of one history must stand
/// together (they are sorted by time within it). A last row with an empty item is the request: its columns are the context of
/// the event to predict. Unknown items are kept as the unknown item; an empty history (a request row alone) is scored from the
/// unknown item... see README. Output bytes do not depend on thread count or batch size. Returns counts and rates.
Json recommend(const std::filesystem::path& bundle, const std::vector<std::string>& histories, const std::filesystem::path& out,
               const RecommendOptions& options, int n_threads);

}  // namespace segue::recommend
