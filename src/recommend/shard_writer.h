#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/event_table.h"
#include "features/vocabulary.h"
#include "recommend/recommend.h"

namespace segue::recommend {

/// The columns of the output.
struct ShardSchema {
  OutputFormat format = OutputFormat::kParquet;
  bool sequence_is_integer = false;
  std::string source;  ///< kind of the model that found the items of re-ranked lists; empty: not re-ranked
  std::vector<std::string> carry;
};

/// ".parquet", ".csv", ".jsonl"
std::string extension_of(OutputFormat format);

/// One list of `k` slots, best first; ends at the first kNoItem.
struct ListView {
  std::int64_t k = 0;
  const std::int32_t* items = nullptr;
  const float* scores = nullptr;         ///< NaN: missing
  const float* source_scores = nullptr;  ///< read where the schema has a source
};

/// Writes one shard: columns sequence, rank (from 1), item, score, of re-ranked lists source and source_score, and
/// those carried along (as text; empty means missing). The bytes depend on the rows and on how they were cut into
/// blocks, on nothing else.
class ShardWriter {
 public:
  virtual ~ShardWriter() = default;
  static std::unique_ptr<ShardWriter> open(const std::filesystem::path& file, const ShardSchema& schema,
                                           const features::Vocabulary& items);
  /// @param sequence  id of the history
  /// @param carried   one value for each of schema.carry
  virtual void add(std::string_view sequence, const ListView& list, const std::vector<std::string_view>& carried) = 0;
  virtual void end_block() = 0;  ///< writes what was added: a row group
  virtual void close() = 0;
};

}  // namespace segue::recommend
