#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "events/event_reader.h"
#include "events/event_table.h"

namespace segue::events {

/// A value as a file holds it: text to be converted, or already typed (Parquet).
struct Cell {
  enum class Kind { kText, kNumber, kTime };
  Kind kind = Kind::kText;
  std::string_view text;     ///< kText; empty means missing
  double number = 0;         ///< kNumber
  std::int64_t time_ms = 0;  ///< kTime
};

/// Where a row stands, for messages.
struct Place {
  std::int64_t row = 0;   ///< from 1, the header not counted
  std::int64_t line = 0;  ///< from 1; 0 when the format has no lines
};

/// Checks and converts rows and appends the good ones to a table; a bad one is an error or is skipped and counted. The
/// one place where text becomes numbers and times, whatever the format.
class RowBuilder {
 public:
  RowBuilder(SourceOptions options, std::vector<ColumnRequest> columns, RowKind kind);

  void start_file(const std::filesystem::path& file);
  /// Clears the table and gives it its columns.
  void start_block(EventTable& table, int file_index) const;
  /// @param cells  in the order of names()
  void append(Place place, std::span<const Cell> cells, EventTable& table);
  /// A row that cannot be used: DataError, or counted when bad rows are skipped. `column` may be empty.
  void reject(Place place, const std::string& column, const std::string& problem);

  /// Columns to find in a file: sequence (not of items), item, time if there is one, then those asked for.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] ColumnType type(std::size_t cell) const { return types_[cell]; }
  [[nodiscard]] bool is_id(std::size_t cell) const { return cell <= item_; }
  /// Which keys of the configuration name the columns, for messages.
  [[nodiscard]] const char* keys() const {
    return kind_ == RowKind::kItem ? "data.items.column or data.items.features" : "data.columns or data.features";
  }
  [[nodiscard]] const SourceOptions& options() const { return options_; }
  [[nodiscard]] const SkippedRows& skipped() const { return skipped_; }
  [[nodiscard]] bool item_is_integer() const { return item_is_integer_; }
  [[nodiscard]] bool sequence_is_integer() const { return sequence_is_integer_; }
  /// The file holds this id column as strings: it goes out as strings, whatever the characters.
  void mark_string_ids(std::size_t cell);
  [[nodiscard]] bool item_column_is_string() const { return item_column_is_string_; }

 private:
  SourceOptions options_;
  std::vector<ColumnRequest> columns_;
  RowKind kind_;
  std::size_t item_;  // index of the item's cell; the sequence's stands before it, where rows have one
  std::vector<std::string> names_;
  std::vector<ColumnType> types_;
  std::size_t first_extra_;  // index of the first cell that was asked for beside sequence, item and time
  std::string file_;
  SkippedRows skipped_;
  bool item_is_integer_ = true, sequence_is_integer_ = true, item_column_is_string_ = false;
  std::vector<double> numbers_;             // of the row at hand
  std::vector<std::int64_t> times_;         // of the row at hand
  std::unordered_set<std::string> listed_;  // kItem: the ids so far
  bool convert(Place place, std::size_t cell, const Cell& value);
  bool check_amount(Place place, std::size_t cell, const Cell& value);
};

}  // namespace segue::events
