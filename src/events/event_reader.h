#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/section.h"
#include "events/event_table.h"

namespace segue::events {

enum class Format { kAuto, kCsv, kTsv, kParquet, kSessionLines };
enum class OnBadRow { kError, kSkip };
enum class TimeFormat { kAuto, kSeconds, kMilliseconds, kMinutes, kDays, kIso8601 };

/// What a row is, and so which ids it must bring.
enum class RowKind {
  kEvent,    ///< a sequence and an item
  kHistory,  ///< as kEvent; the item may be empty: the request row of a history
  kItem      ///< an item, once in all files, and what is known of it: no sequence, no time
};

/// How to read files of events: section `data` of the configuration, the part about form.
struct SourceOptions {
  Format format = Format::kAuto;  ///< auto: by the file's name (.csv .tsv .parquet, then .gz .zst)
  std::string delimiter;          ///< one character; empty: "," for CSV, tab for TSV
  bool header = true;             ///< false: columns are named by number, from 1
  OnBadRow on_bad_row = OnBadRow::kError;
  TimeFormat time_format = TimeFormat::kAuto;
  std::string sequence_column;  ///< empty only for session_lines, where a line is a sequence
  std::string item_column;
  std::string time_column;           ///< empty: input order is time order
  std::string reward_column;         ///< a number >= 0 of every training row; empty: none
  void read(config::Section& data);  ///< reads format, delimiter, header, on_bad_row, time_format, columns.*
};

struct ColumnRequest {
  std::string name;
  ColumnType type;
};

struct SkippedRows {
  std::int64_t n = 0;
  std::vector<std::string> examples;
};  ///< examples: at most 10 messages

/// Streams rows out of many files in the order given. Memory is bounded by the block size (kItem: and by the ids, which
/// are kept to find one that is listed twice).
class EventReader {
 public:
  /// @param files         paths, from expand_globs()
  /// @param columns       further columns to read; a missing one is a DataError that lists the columns there are
  /// @throws ConfigError  options that do not fit the kind of rows;  DataError  a file that cannot be read
  EventReader(std::vector<std::filesystem::path> files, SourceOptions options, std::vector<ColumnRequest> columns,
              RowKind kind = RowKind::kEvent);
  ~EventReader();
  /// The next block (up to some 64 k rows); false at the end. DataError: file, row, column, value, remedy.
  bool next(EventTable& table);
  [[nodiscard]] const SkippedRows& skipped() const;
  [[nodiscard]] bool item_is_integer() const;  ///< all items read so far were integers
  [[nodiscard]] bool sequence_is_integer() const;
  [[nodiscard]] bool item_column_is_string()
      const;  ///< a Parquet column of strings: ids go out as strings, whatever they hold
  [[nodiscard]] std::int64_t bytes_total() const;  ///< size of all files, for progress
  [[nodiscard]] std::int64_t bytes_read() const;   ///< about how far it is

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Files matching the globs (`*`, `?`, `[]`, `**`; `${NAME}` is an environment variable), sorted by name within a glob,
/// each once; a glob without a match is a DataError.
std::vector<std::filesystem::path> expand_globs(const std::vector<std::string>& globs);

}  // namespace segue::events
