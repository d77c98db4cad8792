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
  std::vector<std::string> carry;
};

/// ".parquet", ".csv", ".jsonl"
std::string extension_of(OutputFormat format);

/// Writes one shard: columns sequence, rank (from 1), item, score, and those carried along (as text; empty means
/// missing). The bytes depend on the rows and on how they were cut into blocks, on nothing else.
class ShardWriter {
 public:
  virtual ~ShardWriter() = default;
  static std::unique_ptr<ShardWriter> open(const std::filesystem::path& file, const ShardSchema& schema,
                                           const features::Vocabulary& items);
  /// @param sequence  id of the history
  /// @param items, scores  best first; ends at the first kNoItem
  /// @param carried   one value for each of schema.carry
  virtual void add(std::string_view sequence, const std::int32_t* items, const float* scores, std::int64_t k,
                   const std::vector<std::string_view>& carried) = 0;
  virtual void end_block() = 0;  ///< writes what was added: a row group
  virtual void close() = 0;
};

}  // namespace segue::recommend
